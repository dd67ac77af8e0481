-- Whether there is such a tenant; asked before an outsider's word on whose they are opens anything.
CREATE OR REPLACE FUNCTION headrace.tenant_exists(p_tenant text) RETURNS boolean
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN EXISTS (SELECT FROM tenants t WHERE t.tenant = p_tenant);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.tenant_exists TO headrace_gateway;
