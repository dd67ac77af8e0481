-- Lease up to one ready task per key of one pool. The walk on `tasks_ready` is the whole search: it touches only
-- the rows that it takes. Tasks first (never waiting), then runs: an `= ANY` walk of the key goes in id order.
CREATE OR REPLACE FUNCTION headrace.lease(
  p_tenant text, p_pool bigint, p_by text, p_keys bytea[], p_types text[]
) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  v_ids uuid[];
  v_of uuid[]; -- their runs
  v_nos smallint[];
  v_attempts smallint[];
  v_runs uuid[]; -- the runs that are open, with the last number and the time that each has now
  v_seqs integer[];
  v_dues timestamptz[];
  v_event_runs uuid[] := '{}';
  v_event_seqs integer[] := '{}';
  v_event_nos smallint[] := '{}';
  v_event_data text[] := '{}';
  v_leased integer := 0;
  j integer;
BEGIN
  SELECT array_agg(t.id), array_agg(t.run), array_agg(t.no), array_agg(t.attempts) INTO v_ids, v_of, v_nos, v_attempts
  FROM (
    SELECT t.id, t.run, t.no, t.attempts FROM tasks t
    WHERE t.tenant = p_tenant AND t.pool = p_pool AND t.state = 'ready'
      AND (p_types = '{}' OR t.type = ANY (p_types))
    ORDER BY t.rank, t.id
    LIMIT cardinality(p_keys)
    FOR UPDATE SKIP LOCKED
  ) AS t;
  IF v_ids IS NULL THEN
    RETURN '{}';
  END IF;

  WITH begun AS (
    UPDATE runs r
    SET seq = r.seq + cardinality(array_positions(v_of, r.id)), status = 'Running', started_at = coalesce(r.started_at, now())
    WHERE r.tenant = p_tenant AND r.id = ANY (v_of) AND r.phase = 1
    RETURNING r.id, r.seq, r.due_at
  )
  SELECT coalesce(array_agg(b.id), '{}'), array_agg(b.seq), array_agg(b.due_at) INTO v_runs, v_seqs, v_dues FROM begun b;

  FOR k IN REVERSE cardinality(v_ids) .. 1 LOOP
    j := array_position(v_runs, v_of[k]);
    CONTINUE WHEN j IS NULL;
    v_leased := v_leased + 1;
    v_event_runs[v_leased] := v_of[k];
    v_event_seqs[v_leased] := v_seqs[j];
    v_event_nos[v_leased] := v_nos[k];
    v_event_data[v_leased] := '{"attempt": ' || v_attempts[k] + 1 || '}';
    v_seqs[j] := v_seqs[j] - 1;
  END LOOP;

  UPDATE tasks t
  SET state = 'leased', fence = t.fence + 1, key_hash = p_keys[array_position(v_ids, t.id)], claimed_by = p_by,
      lease_until = now() + interval '30 s',
      deadline = least(now() + make_interval(secs => t.timeout_seconds), v_dues[array_position(v_runs, t.run)]),
      park_until = NULL, park_reason = NULL, park_limit = NULL, park_amount = NULL
  WHERE t.tenant = p_tenant AND t.id = ANY (v_ids) AND t.run = ANY (v_runs);
  INSERT INTO events (tenant, run, seq, no, type, data)
  SELECT p_tenant, e.run, e.seq, e.no, 'step.started', e.data
  FROM unnest(v_event_runs, v_event_seqs, v_event_nos, v_event_data) AS e (run, seq, no, data);
  IF v_leased < cardinality(v_ids) THEN
    -- A run ended while this claim was on its way: whoever ended it had to leave these rows to us.
    UPDATE tasks t SET state = 'cancelled'
    WHERE t.tenant = p_tenant AND t.id = ANY (v_ids) AND NOT t.run = ANY (v_runs);
  END IF;
  UPDATE pool_counts c SET ready = c.ready - cardinality(v_ids), running = c.running + v_leased
  WHERE c.tenant = p_tenant AND c.pool = p_pool AND c.shard = pg_backend_pid() % 8;
  RETURN v_ids;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.lease TO headrace_gateway;
