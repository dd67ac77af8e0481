-- What a call of each step of a pipeline usually takes, of the tenant's last five hundred calls; no row for a step without any.
CREATE OR REPLACE FUNCTION headrace.usual_calls(p_tenant text, p_pipeline bigint)
RETURNS TABLE (step text, input_tokens float8, output_tokens float8, cost numeric, seconds float8)
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT c.step, avg(c.input_tokens)::float8, avg(c.output_tokens)::float8, avg(c.cost), (avg(c.duration_ms) / 1000)::float8
    FROM (SELECT c.* FROM calls c WHERE c.tenant = p_tenant ORDER BY c.at DESC LIMIT 500) AS c
    WHERE c.pipeline = p_pipeline AND c.status < 400
    GROUP BY c.step;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.usual_calls TO headrace_gateway;
