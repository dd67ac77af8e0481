-- Give back the keys of runs that have ended, and let those that wait for them begin; most runs have none.
CREATE OR REPLACE FUNCTION headrace.release_keys(p_tenant text, p_runs uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  v_pipelines bigint[];
  v_names text[];
  v_keys text[];
  r record;
BEGIN
  WITH gone AS (
    DELETE FROM run_keys k WHERE k.tenant = p_tenant AND k.run = ANY (p_runs) RETURNING k.pipeline, k.name, k.key
  )
  SELECT array_agg(g.pipeline), array_agg(g.name), array_agg(g.key) INTO v_pipelines, v_names, v_keys FROM gone g;
  IF v_pipelines IS NULL THEN
    RETURN;
  END IF;
  FOR r IN SELECT DISTINCT x.pipeline FROM unnest(v_pipelines) AS x (pipeline) ORDER BY 1 LOOP
    PERFORM lock_keys(p_tenant, r.pipeline);
  END LOOP;
  FOR r IN SELECT DISTINCT x.* FROM unnest(v_pipelines, v_names, v_keys) AS x (pipeline, name, key) ORDER BY 1, 2, 3 LOOP
    PERFORM next_by_key(p_tenant, r.pipeline, r.name, r.key);
  END LOOP;
END
$$;
