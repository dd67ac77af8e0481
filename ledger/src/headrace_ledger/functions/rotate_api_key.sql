-- A new key takes an old one's name, scopes and length of life, and the old one ends after the overlap, never later
-- than it would have. Both or neither. Beyond: whoever asks lacks a scope of it; nothing was done.
-- Absent: no such key of this tenant, or one that is over already.
CREATE OR REPLACE FUNCTION headrace.rotate_api_key(
  p_tenant text, p_old text, p_id text, p_prefix text, p_hash bytea, p_created_by text, p_may text[], p_overlap double precision
) RETURNS TABLE (outcome text, name text, scopes text[], created_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_old api_keys;
  v_new api_keys;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  SELECT * INTO v_old FROM api_keys k WHERE k.tenant = p_tenant AND k.id = p_old FOR UPDATE;
  IF v_old.id IS NULL OR v_old.revoked_at IS NOT NULL OR v_old.expires_at <= now() THEN
    RETURN QUERY SELECT 'Absent', NULL::text, NULL::text[], NULL::timestamptz, NULL::timestamptz;
    RETURN;
  END IF;
  IF NOT v_old.scopes <@ p_may THEN
    RETURN QUERY SELECT 'Beyond', v_old.name, v_old.scopes, NULL::timestamptz, NULL::timestamptz;
    RETURN;
  END IF;
  INSERT INTO api_keys (tenant, id, prefix, hash, name, scopes, created_by, expires_at)
  VALUES (p_tenant, p_id, p_prefix, p_hash, v_old.name, v_old.scopes, p_created_by,
          now() + (v_old.expires_at - v_old.created_at))
  RETURNING * INTO v_new;
  UPDATE api_keys k SET expires_at = least(k.expires_at, now() + make_interval(secs => p_overlap))
  WHERE k.tenant = p_tenant AND k.id = p_old;
  RETURN QUERY SELECT 'Rotated', v_new.name, v_new.scopes, v_new.created_at, v_new.expires_at;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.rotate_api_key TO headrace_gateway;
