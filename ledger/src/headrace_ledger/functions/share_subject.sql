-- The bucket in which the use of one tenant is counted of a limit of all tenants.
CREATE OR REPLACE FUNCTION headrace.share_subject(p_tenant text) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = headrace, pg_temp AS $$
  SELECT encode(substr(sha256(convert_to(p_tenant, 'UTF8')), 1, 16), 'hex')::uuid
$$;
