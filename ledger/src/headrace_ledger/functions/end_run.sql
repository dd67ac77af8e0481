-- End a locked run that has not succeeded: its unfinished tasks are cancelled, whoever has them.
-- A ready task that a claim holds at this moment is left to that claim, which finds the run ended.
CREATE OR REPLACE FUNCTION headrace.end_run(p_tenant text, p_run uuid, p_status text, p_class text, p_message text)
RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  c record;
  v_ids uuid[] := task_ids(p_tenant, p_run);
BEGIN
  FOR c IN
    WITH open AS MATERIALIZED (
      SELECT t.id, t.pool, t.state FROM tasks t
      WHERE t.tenant = p_tenant AND t.id = ANY (v_ids) AND t.state IN ('waiting', 'ready', 'parked')
      ORDER BY t.id FOR UPDATE SKIP LOCKED
    ), held AS MATERIALIZED (
      SELECT t.id, t.pool, t.state FROM tasks t
      WHERE t.tenant = p_tenant AND t.id = ANY (v_ids) AND t.state = 'leased' AND (SELECT count(*) FROM open) >= 0
      ORDER BY t.id FOR UPDATE
    ), ended AS (
      UPDATE tasks t SET state = 'cancelled' FROM (SELECT o.id FROM open o UNION ALL SELECT h.id FROM held h) AS u
      WHERE t.tenant = p_tenant AND t.id = u.id AND t.id = ANY (v_ids)
    )
    SELECT u.pool, count(*) FILTER (WHERE u.state = 'ready') AS ready, count(*) FILTER (WHERE u.state = 'leased') AS running,
           count(*) FILTER (WHERE u.state = 'parked') AS parked
    FROM (SELECT * FROM open UNION ALL SELECT * FROM held) AS u GROUP BY u.pool ORDER BY u.pool
  LOOP
    PERFORM tally(p_tenant, ARRAY[c.pool], ARRAY[-c.ready], ARRAY[-c.running], ARRAY[-c.parked], ARRAY[0::bigint]);
  END LOOP;
  IF p_status = 'Cancelled' THEN
    PERFORM tell(p_tenant, p_run, 'run.cancelled', NULL, '{}');
  END IF;
  PERFORM tell(p_tenant, p_run, 'run.finished', NULL,
               json_strip_nulls(json_build_object('status', p_status, 'errorClass', p_class, 'message', p_message))::text);
  UPDATE runs r
  SET phase = CASE p_status WHEN 'Failed' THEN 3 ELSE 4 END, status = p_status, finished_at = now(), error_class = p_class, message = p_message,
      due_at = now() + make_interval(secs => v.result_seconds)
  FROM versions v
  WHERE r.tenant = p_tenant AND r.id = p_run AND v.tenant = p_tenant AND v.id = r.version;
  PERFORM release_keys(p_tenant, ARRAY[p_run]);
END
$$;
