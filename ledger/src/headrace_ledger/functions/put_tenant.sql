-- A tenant and its namespaces, as a whole. A namespace that stays keeps the time since which it is held.
-- Under another UID it is another tenant: what the earlier one held, its API keys too, goes with it.
CREATE OR REPLACE FUNCTION headrace.put_tenant(p_tenant text, p_uid text, p_namespaces text[], p_stop text,
                                               p_weight integer DEFAULT 1) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  DELETE FROM tenants t WHERE t.tenant = p_tenant AND t.uid <> p_uid;
  INSERT INTO tenants (tenant, uid, stop_policy, weight) VALUES (p_tenant, p_uid, p_stop, p_weight)
  ON CONFLICT (tenant) DO UPDATE
  SET stop_policy = excluded.stop_policy, weight = excluded.weight, updated_at = now()
  WHERE (tenants.stop_policy, tenants.weight) IS DISTINCT FROM (excluded.stop_policy, excluded.weight);
  DELETE FROM namespaces s WHERE s.tenant = p_tenant AND NOT s.namespace = ANY (p_namespaces);
  INSERT INTO namespaces (tenant, namespace) SELECT p_tenant, x FROM unnest(p_namespaces) AS x
  ON CONFLICT DO NOTHING;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.put_tenant TO headrace_operator;
