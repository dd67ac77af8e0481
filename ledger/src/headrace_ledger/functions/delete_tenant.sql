-- Only the tenant of this UID: a younger one of the same name is another tenant.
-- Its namespaces and API keys go with it.
CREATE OR REPLACE FUNCTION headrace.delete_tenant(p_tenant text, p_uid text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  DELETE FROM tenants t WHERE t.tenant = p_tenant AND t.uid = p_uid;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.delete_tenant TO headrace_operator;
