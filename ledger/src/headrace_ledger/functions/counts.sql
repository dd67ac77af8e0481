-- The scale signal: kept counters, summed; never a count over the backlog. NULL asks for every pool.
-- While tasks of a pool wait for a limit, `let_go` says how many the limits feed; else it is NULL.
CREATE OR REPLACE FUNCTION headrace.counts(p_pools bigint[])
RETURNS TABLE (tenant text, pool_id bigint, namespace text, pipeline text, pool text, runnable bigint, running bigint,
               parked bigint, dead bigint, oldest_runnable_seconds float8, held boolean, let_go bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT p.tenant, p.id, l.namespace, l.name, p.name, c.ready, c.running, c.parked, c.dead,
         coalesce(extract(epoch FROM now() - o.ready_at), 0)::float8, pool_hold(p.tenant, p.id) <> 'None', g.let_go
  FROM pools p
  JOIN pipelines l ON l.tenant = p.tenant AND l.id = p.pipeline AND l.deleted_at IS NULL
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.ready), 0)::bigint AS ready, coalesce(sum(c.running), 0)::bigint AS running,
           coalesce(sum(c.parked), 0)::bigint AS parked, coalesce(sum(c.dead), 0)::bigint AS dead
    FROM pool_counts c WHERE c.tenant = p.tenant AND c.pool = p.id
  ) AS c
  LEFT JOIN LATERAL (
    SELECT t.ready_at FROM tasks t
    WHERE c.ready > 0 AND t.tenant = p.tenant AND t.pool = p.id AND t.state = 'ready'
    ORDER BY t.rank, t.id LIMIT 1
  ) AS o ON true
  LEFT JOIN LATERAL (
    SELECT count(*) AS let_go FROM tasks t
    WHERE t.tenant = p.tenant AND t.pool = p.id AND t.state = 'ready' AND t.park_limit IS NOT NULL
  ) AS g ON c.parked > 0 AND EXISTS (
    SELECT FROM tasks t WHERE t.tenant = p.tenant AND t.pool = p.id AND t.state = 'parked' AND t.park_limit IS NOT NULL)
  WHERE p_pools IS NULL OR p.id = ANY (p_pools)
  ORDER BY p.tenant, p.id
$$;
GRANT EXECUTE ON FUNCTION headrace.counts TO headrace_gateway, headrace_operator;
