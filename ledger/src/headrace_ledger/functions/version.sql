CREATE OR REPLACE FUNCTION headrace.version(p_tenant text, p_digest text) RETURNS text
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN (SELECT v.compiled FROM versions v WHERE v.tenant = p_tenant AND v.digest = p_digest LIMIT 1);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.version TO headrace_gateway, headrace_operator;
