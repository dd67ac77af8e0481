-- False: no such key of this tenant, or revoked already.
CREATE OR REPLACE FUNCTION headrace.revoke_api_key(p_tenant text, p_id text) RETURNS boolean
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  UPDATE api_keys k SET revoked_at = now() WHERE k.tenant = p_tenant AND k.id = p_id AND k.revoked_at IS NULL;
  RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.revoke_api_key TO headrace_gateway;
