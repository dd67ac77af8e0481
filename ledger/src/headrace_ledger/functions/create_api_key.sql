-- False: there is no such tenant. A key goes with its tenant, so there is none of an earlier one of that name.
CREATE OR REPLACE FUNCTION headrace.create_api_key(
  p_tenant text, p_id text, p_prefix text, p_hash bytea, p_name text, p_scopes text[], p_created_by text,
  p_expires_at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  PERFORM FROM tenants t WHERE t.tenant = p_tenant;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO api_keys (tenant, id, prefix, hash, name, scopes, created_by, expires_at)
  VALUES (p_tenant, p_id, p_prefix, p_hash, p_name, p_scopes, p_created_by, p_expires_at)
  ON CONFLICT DO NOTHING;
  RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.create_api_key TO headrace_gateway;
