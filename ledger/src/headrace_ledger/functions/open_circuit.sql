-- A provider fails: nobody reserves a call to it for a while, which doubles each time that nothing was answered in between.
-- One that is open stays as it is, whoever else has seen it fail.
CREATE OR REPLACE FUNCTION headrace.open_circuit(p_provider text, p_seconds float8, p_most_seconds float8) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  INSERT INTO cooldowns AS c (tenant, provider, until, reason, openings)
  VALUES ('_platform', p_provider, now() + make_interval(secs => least(p_seconds, p_most_seconds)), 'CircuitOpen', 1)
  ON CONFLICT (tenant, provider) DO UPDATE
  SET until = greatest(c.until, now() + make_interval(secs => least(p_seconds * 2 ^ least(c.openings, 30), p_most_seconds))),
      reason = excluded.reason, openings = c.openings + 1
  WHERE c.reason <> 'CircuitOpen' OR c.until <= now();
END
$$;
GRANT EXECUTE ON FUNCTION headrace.open_circuit TO headrace_gateway;
