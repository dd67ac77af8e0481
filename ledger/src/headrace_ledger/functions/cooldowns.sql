-- The providers and models (`provider/model`) that nobody may call at this moment, until when and why.
CREATE OR REPLACE FUNCTION headrace.cooldowns() RETURNS TABLE (provider text, until timestamptz, reason text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  RETURN QUERY SELECT c.provider, c.until, c.reason FROM cooldowns c
               WHERE c.tenant = '_platform' AND c.until > now() ORDER BY c.provider;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.cooldowns TO headrace_gateway, headrace_operator;
