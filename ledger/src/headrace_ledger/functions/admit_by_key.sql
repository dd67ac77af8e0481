-- Let these waiting runs of a pipeline begin, in order, as far as every key of theirs has room. The caller holds the lock.
CREATE OR REPLACE FUNCTION headrace.admit_by_key(p_tenant text, p_pipeline bigint, p_runs uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  v_names text[];
  v_limits integer[];
  v_run uuid;
BEGIN
  SELECT l.key_names, l.key_limits INTO v_names, v_limits FROM pipelines l WHERE l.tenant = p_tenant AND l.id = p_pipeline;
  FOR v_run IN
    SELECT r.id FROM runs r WHERE r.tenant = p_tenant AND r.id = ANY (p_runs) AND r.phase = -1
    ORDER BY r.rank, r.id FOR UPDATE SKIP LOCKED -- what a cancel holds ends by it
  LOOP
    CONTINUE WHEN EXISTS ( -- a limit that is not declared any more has room
      SELECT FROM run_keys k
      WHERE k.tenant = p_tenant AND k.run = v_run AND v_limits[array_position(v_names, k.name)] <= (
        SELECT count(*) FROM run_keys h
        WHERE h.tenant = p_tenant AND h.pipeline = p_pipeline AND h.name = k.name AND h.key = k.key AND h.held));
    UPDATE run_keys k SET held = true WHERE k.tenant = p_tenant AND k.run = v_run;
    UPDATE runs r SET phase = 0 WHERE r.tenant = p_tenant AND r.id = v_run;
  END LOOP;
END
$$;
