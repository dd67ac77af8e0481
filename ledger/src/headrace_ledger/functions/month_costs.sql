-- What a tenant's calls cost from one moment to another, by currency. For the operator, which may not read the calls themselves.
CREATE OR REPLACE FUNCTION headrace.month_costs(p_tenant text, p_since timestamptz, p_until timestamptz)
RETURNS TABLE (currency text, cost numeric)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT c.currency, c.cost FROM costs(p_tenant, p_since, p_until, 'tenant') AS c WHERE c.currency IS NOT NULL AND c.cost IS NOT NULL
$$;
GRANT EXECUTE ON FUNCTION headrace.month_costs TO headrace_operator;
