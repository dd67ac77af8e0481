-- Add what a verb has moved to this connection's rows of the pools' counters; pools in order.
CREATE OR REPLACE FUNCTION headrace.tally(
  p_tenant text, p_pool bigint[], p_ready bigint[], p_running bigint[], p_parked bigint[], p_dead bigint[]
) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
BEGIN
  UPDATE pool_counts c
  SET ready = c.ready + d.ready, running = c.running + d.running, parked = c.parked + d.parked, dead = c.dead + d.dead
  FROM (
    SELECT m.pool, sum(m.ready::int) AS ready, sum(m.running::int) AS running, sum(m.parked::int) AS parked,
           sum(m.dead::int) AS dead
    FROM unnest(p_pool, p_ready, p_running, p_parked, p_dead) AS m (pool, ready, running, parked, dead)
    GROUP BY m.pool
    HAVING sum(m.ready::int) <> 0 OR sum(m.running::int) <> 0 OR sum(m.parked::int) <> 0 OR sum(m.dead::int) <> 0
    ORDER BY m.pool
  ) AS d
  WHERE c.tenant = p_tenant AND c.pool = d.pool AND c.shard = pg_backend_pid() % 8;
END
$$;
