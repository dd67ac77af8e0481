-- What was parked until now is ready again.
CREATE OR REPLACE FUNCTION headrace.unpark_tasks(p_tenant text, p_tasks uuid[], OUT unparked integer, OUT pools bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
BEGIN
  SELECT m.unparked, m.pools INTO unparked, pools
  FROM make_ready(p_tenant, ARRAY(
    SELECT t.id FROM tasks t
    WHERE t.tenant = p_tenant AND t.id = ANY (p_tasks) AND t.state = 'parked' AND t.ready_at <= now()
    ORDER BY t.id FOR UPDATE SKIP LOCKED), NULL) AS m;
END
$$;
