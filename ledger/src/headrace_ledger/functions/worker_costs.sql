-- What a tenant's workers have cost from one midnight of UTC to another, by pipeline or tenant; one row per key and currency.
CREATE OR REPLACE FUNCTION headrace.worker_costs(p_tenant text, p_since timestamptz, p_until timestamptz, p_by text)
RETURNS TABLE (key text, currency text, seconds numeric, cost numeric)
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT CASE p_by WHEN 'pipeline' THEN w.namespace || '/' || w.pipeline ELSE p_tenant END, w.currency, sum(w.seconds), sum(w.cost)
    FROM worker_time w
    WHERE w.tenant = p_tenant AND w.day >= (p_since AT TIME ZONE 'UTC')::date AND w.day < (p_until AT TIME ZONE 'UTC')::date
    GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.worker_costs TO headrace_gateway;
