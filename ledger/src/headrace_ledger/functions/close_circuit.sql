-- A provider has answered: its circuit is closed, unless it has opened again meanwhile. Returns whether it is closed.
CREATE OR REPLACE FUNCTION headrace.close_circuit(p_provider text) RETURNS boolean
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  UPDATE cooldowns c SET openings = 0
  WHERE c.tenant = '_platform' AND c.provider = p_provider AND c.openings > 0 AND c.until <= now();
  RETURN NOT EXISTS (SELECT FROM cooldowns c WHERE c.tenant = '_platform' AND c.provider = p_provider AND c.openings > 0);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.close_circuit TO headrace_gateway;
