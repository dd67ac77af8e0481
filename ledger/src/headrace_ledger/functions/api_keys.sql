CREATE OR REPLACE FUNCTION headrace.api_keys(p_tenant text)
RETURNS TABLE (tenant text, id text, prefix text, hash bytea, name text, scopes text[], created_by text,
               created_at timestamptz, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz)
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT k.tenant, k.id, k.prefix, k.hash, k.name, k.scopes, k.created_by, k.created_at, k.expires_at, k.revoked_at,
           k.last_used_at
    FROM api_keys k WHERE k.tenant = p_tenant ORDER BY k.created_at, k.id;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.api_keys TO headrace_gateway;
