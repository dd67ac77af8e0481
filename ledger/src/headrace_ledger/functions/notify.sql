-- A hint to the other gateways, in a transaction of its own that waits for no disk: losing it costs a poll.
CREATE OR REPLACE FUNCTION headrace.notify(p_payload text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true), pg_notify('headrace', p_payload);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.notify TO headrace_gateway, headrace_operator;
