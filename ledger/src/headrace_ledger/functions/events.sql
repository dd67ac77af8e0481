CREATE OR REPLACE FUNCTION headrace.events(p_tenant text, p_run uuid, p_after integer, p_limit integer)
RETURNS TABLE (run uuid, seq integer, at timestamptz, type text, step text, data text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT e.run, e.seq, e.at, e.type, e.step, e.data FROM events e
    WHERE e.tenant = p_tenant AND e.run = p_run AND e.seq > p_after ORDER BY e.seq LIMIT p_limit;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.events TO headrace_gateway;
