CREATE OR REPLACE FUNCTION headrace.put_provider(p_name text, p_uid text, p_spec text, p_digest text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  INSERT INTO providers (tenant, name, uid, spec, digest) VALUES ('_platform', p_name, p_uid, p_spec, p_digest)
  ON CONFLICT (tenant, name) DO UPDATE
  SET uid = excluded.uid, spec = excluded.spec, digest = excluded.digest, updated_at = now()
  WHERE (providers.uid, providers.digest) IS DISTINCT FROM (excluded.uid, excluded.digest);
  IF FOUND THEN -- another endpoint or key: what the one before asked for or said of its limits says nothing about it
    DELETE FROM cooldowns c WHERE c.tenant = '_platform' AND split_part(c.provider, '/', 1) = p_name;
    PERFORM forget_learnt(p_name);
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.put_provider TO headrace_operator;
