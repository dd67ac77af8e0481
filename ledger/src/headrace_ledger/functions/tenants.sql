CREATE OR REPLACE FUNCTION headrace.tenants()
RETURNS TABLE (tenant text, uid text, namespaces text[], stop_policy text, weight integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT t.tenant, t.uid, ARRAY(SELECT s.namespace FROM namespaces s WHERE s.tenant = t.tenant ORDER BY 1), t.stop_policy,
         t.weight
  FROM tenants t ORDER BY t.tenant
$$;
GRANT EXECUTE ON FUNCTION headrace.tenants TO headrace_gateway, headrace_operator;
