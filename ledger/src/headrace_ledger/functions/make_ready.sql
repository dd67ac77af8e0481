-- Parked tasks, locked by the caller, are ready; a time given is when they became so. Returns how many of which pools.
CREATE OR REPLACE FUNCTION headrace.make_ready(
  p_tenant text, p_tasks uuid[], p_at timestamptz, OUT unparked integer, OUT pools bigint[]
)
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_n bigint[];
  v_none bigint[];
BEGIN
  WITH moved AS (
    UPDATE tasks t SET state = 'ready', ready_at = coalesce(p_at, t.ready_at), park_reason = NULL
    WHERE t.tenant = p_tenant AND t.id = ANY (p_tasks)
    RETURNING t.pool
  ), summed AS (
    SELECT m.pool, count(*) AS n FROM moved m GROUP BY m.pool
  )
  SELECT coalesce(array_agg(s.pool), '{}'), coalesce(array_agg(s.n), '{}'), coalesce(sum(s.n), 0)
  INTO pools, v_n, unparked FROM summed s;
  v_none := array_fill(0::bigint, ARRAY[cardinality(pools)]);
  PERFORM tally(p_tenant, pools, v_n, v_none, ARRAY(SELECT -x FROM unnest(v_n) AS x), v_none);
END
$$;
