-- A provider by name, or all of them (NULL). Rows of the reserved tenant `_platform`, which no caller can be.
CREATE OR REPLACE FUNCTION headrace.provider(p_name text)
RETURNS TABLE (name text, uid text, spec text, digest text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT p.name, p.uid, p.spec, p.digest FROM providers p
  WHERE p.tenant = '_platform' AND (p_name IS NULL OR p.name = p_name) ORDER BY p.name
$$;
GRANT EXECUTE ON FUNCTION headrace.provider TO headrace_gateway, headrace_operator;
