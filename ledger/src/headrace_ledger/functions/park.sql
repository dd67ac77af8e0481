-- The park mark: whatever this lease does from now on, its task is parked until then. False: a stale fence.
CREATE OR REPLACE FUNCTION headrace.park(p_tenant text, p_task uuid, p_fence bigint, p_until timestamptz,
                                         p_seconds float8, p_reason text) RETURNS boolean
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  UPDATE tasks t
  SET park_until = coalesce(t.park_until, p_until, now() + make_interval(secs => p_seconds)),
      park_reason = coalesce(t.park_reason, p_reason)
  WHERE t.tenant = p_tenant AND t.id = p_task AND t.fence = p_fence AND t.state = 'leased';
  RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.park TO headrace_gateway;
