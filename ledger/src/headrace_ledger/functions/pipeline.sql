-- What a submit needs to know, found by names: the tenant comes from the namespace, never from the caller.
CREATE OR REPLACE FUNCTION headrace.pipeline(p_namespace text, p_name text)
RETURNS TABLE (tenant text, uid text, namespace text, name text, digest text, compiled text, service_account text,
               deleting boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT l.tenant, l.uid, l.namespace, l.name, v.digest, v.compiled, l.service_account, l.deleting_since IS NOT NULL
  FROM pipelines l JOIN versions v ON v.tenant = l.tenant AND v.id = l.version
  WHERE l.namespace = p_namespace AND l.name = p_name AND l.deleted_at IS NULL AND l.tenant = tenant_of(p_namespace)
  ORDER BY l.deleting_since IS NOT NULL, l.id DESC LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION headrace.pipeline TO headrace_gateway, headrace_operator;
