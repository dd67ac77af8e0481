-- What the autoscaler is told: the counts of pools, and what of the tenant's workers they ask for and are granted.
-- Apart from `counts`, whose columns a gateway of before 0008 knows by their order.
CREATE OR REPLACE FUNCTION headrace.scale_signal(p_pools bigint[])
RETURNS TABLE (tenant text, pool_id bigint, namespace text, pipeline text, pool text, runnable bigint, running bigint,
               parked bigint, dead bigint, oldest_runnable_seconds float8, held boolean, let_go bigint,
               workers_asked integer, workers_granted integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT c.*, p.workers_asked, p.workers_granted
  FROM counts(p_pools) AS c JOIN pools p ON p.tenant = c.tenant AND p.id = c.pool_id
  ORDER BY c.tenant, c.pool_id
$$;
GRANT EXECUTE ON FUNCTION headrace.scale_signal TO headrace_gateway, headrace_operator;
