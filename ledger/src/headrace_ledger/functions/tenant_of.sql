-- The tenant that holds a namespace; while one moves, the one that took it last.
CREATE OR REPLACE FUNCTION headrace.tenant_of(p_namespace text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT s.tenant FROM namespaces s WHERE s.namespace = p_namespace ORDER BY s.since DESC, s.tenant LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION headrace.tenant_of TO headrace_gateway, headrace_operator;
