-- Add what a verb has moved to this connection's rows of the pools' counters; pools in order.
CREATE OR REPLACE FUNCTION headrace.tally(
  p_tenant text, p_pool bigint[], p_ready bigint[], p_running bigint[], p_parked bigint[], p_dead bigint[]
) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  d record;
BEGIN
  FOR d IN
    SELECT m.pool, sum(m.ready) AS ready, sum(m.running) AS running, sum(m.parked) AS parked, sum(m.dead) AS dead
    FROM unnest(p_pool, p_ready, p_running, p_parked, p_dead) AS m (pool, ready, running, parked, dead)
    GROUP BY m.pool ORDER BY m.pool
  LOOP
    UPDATE pool_counts c
    SET ready = c.ready + d.ready, running = c.running + d.running, parked = c.parked + d.parked, dead = c.dead + d.dead
    WHERE c.tenant = p_tenant AND c.pool = d.pool AND c.shard = pg_backend_pid() % 8;
  END LOOP;
END
$$;
