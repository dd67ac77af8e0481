-- The park mark: whatever this lease does from now on, its task is parked until then. False: a stale fence.
-- With a limit it waits for that one, whenever it lets the task go; the time is then what people are told.
CREATE OR REPLACE FUNCTION headrace.park(p_tenant text, p_task uuid, p_fence bigint, p_seconds float8,
                                         p_reason text, p_limit bigint, p_amount bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  UPDATE tasks t
  SET park_until = coalesce(t.park_until, now() + make_interval(secs => p_seconds)),
      park_reason = coalesce(t.park_reason, p_reason),
      park_limit = CASE WHEN t.park_until IS NULL THEN p_limit ELSE t.park_limit END,
      park_amount = CASE WHEN t.park_until IS NULL THEN p_amount ELSE t.park_amount END
  WHERE t.tenant = p_tenant AND t.id = p_task AND t.fence = p_fence AND t.state = 'leased';
  RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.park TO headrace_gateway;
