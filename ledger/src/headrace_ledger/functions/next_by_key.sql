-- Let those begin that wait for a key, in the order of claims, as far as it has room. The caller holds the lock.
CREATE OR REPLACE FUNCTION headrace.next_by_key(p_tenant text, p_pipeline bigint, p_name text, p_key text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  v_free integer;
BEGIN
  SELECT coalesce(l.key_limits[array_position(l.key_names, p_name)] - (
    SELECT count(*) FROM run_keys h
    WHERE h.tenant = p_tenant AND h.pipeline = p_pipeline AND h.name = p_name AND h.key = p_key AND h.held), 1000)
  INTO v_free FROM pipelines l WHERE l.tenant = p_tenant AND l.id = p_pipeline;
  IF v_free > 0 THEN
    PERFORM admit_by_key(p_tenant, p_pipeline, ARRAY(
      SELECT w.run FROM run_keys w
      WHERE w.tenant = p_tenant AND w.pipeline = p_pipeline AND w.name = p_name AND w.key = p_key AND NOT w.held
      ORDER BY w.rank, w.run LIMIT v_free));
  END IF;
END
$$;
