-- Cancel up to `p_limit` unfinished runs of a pipeline, oldest first; say how many.
CREATE OR REPLACE FUNCTION headrace.cancel_runs(p_tenant text, p_pipeline bigint, p_limit integer) RETURNS integer
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_runs uuid[];
  v_run uuid;
BEGIN
  v_runs := ARRAY(SELECT r.id FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.phase < 2
                  ORDER BY r.id LIMIT p_limit FOR UPDATE);
  FOREACH v_run IN ARRAY v_runs LOOP
    PERFORM end_run(p_tenant, v_run, 'Cancelled', 'Cancelled', 'the pipeline was deleted');
  END LOOP;
  RETURN cardinality(v_runs);
END
$$;
