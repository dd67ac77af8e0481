-- A provider asked for a pause, or one of its models (`provider/model`) has nothing left: nobody reserves a call to it until
-- then. The longest pause stands.
CREATE OR REPLACE FUNCTION headrace.cool_down(p_provider text, p_seconds float8, p_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  INSERT INTO cooldowns AS c (tenant, provider, until, reason)
  VALUES ('_platform', p_provider, now() + make_interval(secs => p_seconds), p_reason)
  ON CONFLICT (tenant, provider) DO UPDATE SET until = excluded.until, reason = excluded.reason WHERE c.until < excluded.until;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.cool_down TO headrace_gateway;
