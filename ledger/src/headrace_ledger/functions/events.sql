CREATE OR REPLACE FUNCTION headrace.events(p_tenant text, p_run uuid, p_after integer, p_limit integer)
RETURNS TABLE (run uuid, seq integer, at timestamptz, type text, step text, data text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_version bigint;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  SELECT r.version INTO v_version FROM runs r WHERE r.tenant = p_tenant AND r.id = p_run;
  RETURN QUERY
    SELECT e.run, e.seq, e.at, e.type::text, s.name::text, e.data
    FROM events e LEFT JOIN steps s ON s.tenant = p_tenant AND s.version = v_version AND s.no = e.no
    WHERE e.tenant = p_tenant AND e.run = p_run AND e.seq > p_after ORDER BY e.seq LIMIT p_limit;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.events TO headrace_gateway;
