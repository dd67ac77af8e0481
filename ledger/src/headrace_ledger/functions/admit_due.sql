-- The limits per key of a pipeline were changed: let those begin that they have room for now.
CREATE OR REPLACE FUNCTION headrace.admit_due(p_tenant text, p_pipeline bigint) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  r record;
BEGIN
  PERFORM lock_keys(p_tenant, p_pipeline);
  FOR r IN
    SELECT DISTINCT w.name, w.key FROM run_keys w WHERE w.tenant = p_tenant AND w.pipeline = p_pipeline AND NOT w.held ORDER BY 1, 2
  LOOP
    PERFORM next_by_key(p_tenant, p_pipeline, r.name, r.key);
  END LOOP;
  UPDATE pipelines l SET keys_due = false WHERE l.tenant = p_tenant AND l.id = p_pipeline;
END
$$;
