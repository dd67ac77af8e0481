-- This gateway lives: what it holds for calls under way is held for another 30 s.
CREATE OR REPLACE FUNCTION headrace.beat_gateway(p_gateway uuid) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  INSERT INTO gateways AS g (tenant, id, alive_until) VALUES ('_platform', p_gateway, now() + interval '30 s')
  ON CONFLICT (tenant, id) DO UPDATE SET alive_until = excluded.alive_until;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.beat_gateway TO headrace_gateway;
