-- What the autoscaler is told: the counts of pools, the workers that all of their work would take, were there no limits, and what there may be
-- of these: what their tenant's limit of workers grants, and what their limits of calls can feed.
-- Apart from `counts`, whose columns a gateway of before 0008 knows by their order.
CREATE OR REPLACE FUNCTION headrace.scale_signal(p_pools bigint[])
RETURNS TABLE (tenant text, pool_id bigint, namespace text, pipeline text, pool text, runnable bigint, running bigint,
               parked bigint, dead bigint, oldest_runnable_seconds float8, held boolean, let_go bigint,
               workers_asked integer, workers_granted integer, workers_wanted integer, workers_fed integer, workers_fed_by text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT c.*, p.workers_asked, p.workers_granted,
         least(ceil(greatest(c.runnable + c.running + CASE WHEN c.let_go IS NULL THEN 0 ELSE c.parked END, 0)::numeric
                    / p.concurrency_per_worker), p.max_replicas)::integer,
         p.workers_fed, p.workers_fed_by
  FROM counts(p_pools) AS c JOIN pools p ON p.tenant = c.tenant AND p.id = c.pool_id
  ORDER BY c.tenant, c.pool_id
$$;
GRANT EXECUTE ON FUNCTION headrace.scale_signal TO headrace_gateway, headrace_operator;
