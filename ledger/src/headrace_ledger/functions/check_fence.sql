-- The same answer as a heartbeat gives, without extending the lease: whether to go on with a stream.
CREATE OR REPLACE FUNCTION headrace.check_fence(p_tenant text, p_task uuid, p_fence bigint) RETURNS text
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN beat(p_tenant, p_task, p_fence, NULL);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.check_fence TO headrace_gateway;
