-- The key alone names its tenant, so this looks across tenants; whoever asks must still match the hash.
CREATE OR REPLACE FUNCTION headrace.api_key_by_prefix(p_prefix text)
RETURNS TABLE (tenant text, id text, prefix text, hash bytea, name text, scopes text[], created_by text,
               created_at timestamptz, expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT k.tenant, k.id, k.prefix, k.hash, k.name, k.scopes, k.created_by, k.created_at, k.expires_at, k.revoked_at
  FROM api_keys k WHERE k.prefix = p_prefix ORDER BY k.created_at LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION headrace.api_key_by_prefix TO headrace_gateway;
