-- What was parked until now is ready again.
CREATE OR REPLACE FUNCTION headrace.unpark_tasks(p_tenant text, p_tasks uuid[], OUT unparked integer, OUT pools bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_n bigint[];
BEGIN
  WITH due AS MATERIALIZED (
    SELECT t.id FROM tasks t
    WHERE t.tenant = p_tenant AND t.id = ANY (p_tasks) AND t.state = 'parked' AND t.ready_at <= now()
    ORDER BY t.id FOR UPDATE SKIP LOCKED
  ), moved AS (
    UPDATE tasks t SET state = 'ready', park_reason = NULL FROM due d WHERE t.tenant = p_tenant AND t.id = d.id AND t.id = ANY (p_tasks)
    RETURNING t.pool
  ), summed AS (
    SELECT m.pool, count(*) AS n FROM moved m GROUP BY m.pool
  )
  SELECT coalesce(array_agg(s.pool), '{}'), coalesce(array_agg(s.n), '{}'), coalesce(sum(s.n), 0)
  INTO pools, v_n, unparked FROM summed s;
  PERFORM tally(p_tenant, pools, v_n, array_fill(0::bigint, ARRAY[cardinality(pools)]),
                ARRAY(SELECT -x FROM unnest(v_n) AS x), array_fill(0::bigint, ARRAY[cardinality(pools)]));
END
$$;
