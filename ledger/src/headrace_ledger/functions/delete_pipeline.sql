-- Leave no unfinished run, lease, pool or counter row. Finished runs and spend stay until their ttl; so does a
-- tombstone that gives them their name.
CREATE OR REPLACE FUNCTION headrace.delete_pipeline(p_tenant text, p_uid text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_pipeline bigint;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  UPDATE pipelines l SET deleting_since = coalesce(l.deleting_since, now()), deleted_at = now()
  WHERE l.tenant = p_tenant AND l.uid = p_uid AND l.deleted_at IS NULL
  RETURNING l.id INTO v_pipeline;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  WHILE cancel_runs(p_tenant, v_pipeline, 1000) > 0 LOOP
  END LOOP;
  DELETE FROM limit_sets s WHERE s.tenant = p_tenant AND s.owner = 'pipeline/' || p_uid;
  DELETE FROM pool_counts c USING pools p
  WHERE c.tenant = p_tenant AND c.pool = p.id AND p.tenant = p_tenant AND p.pipeline = v_pipeline;
  DELETE FROM pools p WHERE p.tenant = p_tenant AND p.pipeline = v_pipeline;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.delete_pipeline TO headrace_operator;
