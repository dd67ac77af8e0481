-- How many open runs of a pipeline have each of these keys; by the names of the limits, a JSON object.
CREATE OR REPLACE FUNCTION headrace.open_of_keys(p_tenant text, p_uid text, p_keys text) RETURNS TABLE (name text, open bigint)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT e.key, (SELECT count(*) FROM run_keys x WHERE x.tenant = p_tenant AND x.pipeline = l.id
                   AND x.name = e.key AND x.key = e.value)
    FROM pipelines l CROSS JOIN jsonb_each_text(p_keys::jsonb) AS e
    WHERE l.tenant = p_tenant AND l.uid = p_uid ORDER BY 1;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.open_of_keys TO headrace_gateway;
