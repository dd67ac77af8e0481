-- A tenant and its namespaces, as a whole. A namespace that stays keeps the time since which it is held.
CREATE OR REPLACE FUNCTION headrace.put_tenant(p_tenant text, p_uid text, p_namespaces text[], p_stop text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  INSERT INTO tenants (tenant, uid, stop_policy) VALUES (p_tenant, p_uid, p_stop)
  ON CONFLICT (tenant) DO UPDATE SET uid = excluded.uid, stop_policy = excluded.stop_policy, updated_at = now()
  WHERE (tenants.uid, tenants.stop_policy) IS DISTINCT FROM (excluded.uid, excluded.stop_policy);
  DELETE FROM namespaces s WHERE s.tenant = p_tenant AND NOT s.namespace = ANY (p_namespaces);
  INSERT INTO namespaces (tenant, namespace) SELECT p_tenant, x FROM unnest(p_namespaces) AS x
  ON CONFLICT DO NOTHING;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.put_tenant TO headrace_operator;
