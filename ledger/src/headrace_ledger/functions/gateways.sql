-- How many gateways live.
CREATE OR REPLACE FUNCTION headrace.gateways() RETURNS bigint
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  RETURN (SELECT count(*) FROM gateways g WHERE g.tenant = '_platform' AND g.alive_until > now());
END
$$;
GRANT EXECUTE ON FUNCTION headrace.gateways TO headrace_gateway;
