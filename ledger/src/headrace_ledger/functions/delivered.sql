-- It has been told: whichever try did so, nobody tries again.
CREATE OR REPLACE FUNCTION headrace.delivered(p_tenant text, p_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  UPDATE deliveries d SET next_at = NULL, told_at = now() WHERE d.tenant = p_tenant AND d.id = p_id;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.delivered TO headrace_gateway;
