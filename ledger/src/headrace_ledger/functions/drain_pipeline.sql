-- Hold at once: no submit, no claim. Running steps get 15 s; what is left then, or is not running, is cancelled.
CREATE OR REPLACE FUNCTION headrace.drain_pipeline(p_tenant text, p_uid text, OUT running bigint, OUT unfinished bigint)
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_pipeline bigint;
  v_since timestamptz;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  running := 0;
  unfinished := 0;
  UPDATE pipelines l SET deleting_since = coalesce(l.deleting_since, now())
  WHERE l.tenant = p_tenant AND l.uid = p_uid AND l.deleted_at IS NULL
  RETURNING l.id, l.deleting_since INTO v_pipeline, v_since;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT coalesce(sum(c.running), 0) INTO running
  FROM pools p JOIN pool_counts c ON c.tenant = p_tenant AND c.pool = p.id
  WHERE p.tenant = p_tenant AND p.pipeline = v_pipeline;
  IF running = 0 OR v_since < now() - interval '15 s' THEN
    PERFORM cancel_runs(p_tenant, v_pipeline, 1000);
    SELECT coalesce(sum(c.running), 0) INTO running
    FROM pools p JOIN pool_counts c ON c.tenant = p_tenant AND c.pool = p.id
    WHERE p.tenant = p_tenant AND p.pipeline = v_pipeline;
  END IF;
  SELECT count(*) INTO unfinished FROM runs r
  WHERE r.tenant = p_tenant AND r.pipeline = v_pipeline AND r.phase < 2;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.drain_pipeline TO headrace_operator;
