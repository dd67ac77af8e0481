-- What a provider says it allows a minute of one model: limits of all tenants, beside those that are declared. Of two figures
-- that gateways were told within two minutes the stricter stands, so that they do not write against each other.
-- Nothing is learnt of a provider whose limits are declared only, whatever the gateway still thinks of it.
CREATE OR REPLACE FUNCTION headrace.learn_limits(p_provider text, p_model text, p_resource text[], p_capacity bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  PERFORM FROM providers p
  WHERE p.tenant = '_platform' AND p.name = p_provider AND p.spec::json ->> 'limitsFrom' = 'ResponseHeaders' FOR SHARE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  INSERT INTO limit_sets (tenant, owner, digest) VALUES ('_platform', 'learnt/' || p_provider, '')
  ON CONFLICT (tenant, owner) DO NOTHING;
  INSERT INTO limits AS l (tenant, owner, name, resource, period, kind, slot_us, capacity, enforced, spec, learnt_at)
  SELECT '_platform', 'learnt/' || p_provider, x.resource || '/' || p_model, x.resource, '1m', 'Sliding', 1000000, x.capacity, true,
         json_build_object('providers', json_build_array(p_provider), 'models', json_build_array(p_model))::text, now()
  FROM unnest(p_resource, p_capacity) AS x (resource, capacity) ORDER BY x.resource
  ON CONFLICT (tenant, owner, name) DO UPDATE SET capacity = excluded.capacity, learnt_at = excluded.learnt_at
  WHERE excluded.capacity < l.capacity OR l.learnt_at < now() - interval '2 min'
     OR (excluded.capacity = l.capacity AND l.learnt_at < now() - interval '30 s');
END
$$;
GRANT EXECUTE ON FUNCTION headrace.learn_limits TO headrace_gateway;
