-- Lease up to one ready task per key of one pool. The walk on `tasks_ready` is the whole search:
-- it touches only the rows that it takes. Tasks first (never waiting), then runs in id order.
CREATE OR REPLACE FUNCTION headrace.lease(
  p_tenant text, p_pool bigint, p_by text, p_keys bytea[], p_types text[]
) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off AS $$
DECLARE
  v_ids uuid[];
BEGIN
  WITH taken AS MATERIALIZED (
    SELECT t.id, t.run, t.no, t.attempts, t.version FROM tasks t
    WHERE t.tenant = p_tenant AND t.pool = p_pool AND t.state = 'ready'
      AND (p_types = '{}' OR t.type = ANY (p_types))
    ORDER BY t.priority DESC, t.ready_at, t.id
    LIMIT cardinality(p_keys)
    FOR UPDATE SKIP LOCKED
  ), run AS MATERIALIZED (
    SELECT r.id, r.seq, r.deadline, r.finished_at FROM runs r
    WHERE r.tenant = p_tenant AND r.id = ANY (ARRAY(SELECT k.run FROM taken k))
    ORDER BY r.id
    FOR UPDATE
  ), live AS MATERIALIZED (
    SELECT k.id, k.run, k.attempts, s.name, s.timeout_seconds, r.seq, r.deadline, row_number() OVER () AS slot,
           row_number() OVER (PARTITION BY k.run ORDER BY k.no) AS nth
    FROM taken k
    JOIN run r ON r.id = k.run AND r.finished_at IS NULL
    JOIN steps s ON s.tenant = p_tenant AND s.version = k.version AND s.no = k.no
  ), leased AS (
    UPDATE tasks t
    SET state = 'leased', fence = t.fence + 1, key_hash = p_keys[l.slot], claimed_by = p_by,
        lease_until = now() + interval '30 s',
        deadline = least(now() + make_interval(secs => l.timeout_seconds), l.deadline),
        park_until = NULL, park_reason = NULL
    FROM live l WHERE t.tenant = p_tenant AND t.id = l.id
    RETURNING t.id
  ), dropped AS (
    -- Its run ended while this claim was on its way: whoever ended it had to leave this row to us.
    UPDATE tasks t SET state = 'cancelled' FROM taken k
    WHERE t.tenant = p_tenant AND t.id = k.id
      AND NOT EXISTS (SELECT FROM run r WHERE r.id = k.run AND r.finished_at IS NULL)
  ), begun AS (
    UPDATE runs r SET seq = r.seq + l.n, status = 'Running', started_at = coalesce(r.started_at, now())
    FROM (SELECT l.run, count(*) AS n FROM live l GROUP BY l.run) AS l
    WHERE r.tenant = p_tenant AND r.id = l.run
  ), told AS (
    INSERT INTO events (tenant, run, seq, type, step, data)
    SELECT p_tenant, l.run, l.seq + l.nth, 'step.started', l.name, '{"attempt": ' || l.attempts + 1 || '}' FROM live l
  ), counted AS (
    UPDATE pool_counts c
    SET ready = c.ready - (SELECT count(*) FROM taken), running = c.running + (SELECT count(*) FROM live)
    WHERE c.tenant = p_tenant AND c.pool = p_pool AND c.shard = pg_backend_pid() % 8
      AND EXISTS (SELECT FROM taken)
  )
  SELECT array_agg(l.id) INTO v_ids FROM leased l;
  RETURN coalesce(v_ids, '{}');
END
$$;
GRANT EXECUTE ON FUNCTION headrace.lease TO headrace_gateway;
