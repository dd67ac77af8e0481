-- Steps that ended well, of many runs and tenants: checkpoint, next tasks and events in one transaction.
-- With a key for it, the run's next task of the same pool is leased at once and comes back with the answer.
-- A retried complete finds its stored answer although the fence is spent.
-- To a caller of another pipeline (NULL: of none) a task is as good as not there.
-- Lock and read, decide in arrays, write with one statement per table: cheap for one step and for a hundred.
CREATE OR REPLACE FUNCTION headrace.complete(
  p_tenant text[], p_task uuid[], p_fence bigint[], p_by text[], p_output text[], p_skipped boolean[],
  p_next_key bytea[], p_types text[], p_pipeline bigint[]
) RETURNS TABLE (n bigint, outcome text, finished boolean, pools bigint[],
                 tenant text, task uuid, fence bigint, run uuid, step text, pool bigint, attempt smallint,
                 key_hash bytea, digest text, input text, steps text[], outputs text[], traceparent text,
                 lease_seconds float8, timeout_seconds float8)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
  v_tenants text[];
  v_tenant text;
  v_ns integer[]; -- the items of this tenant; per item: outcome, place of its run, task that goes with the answer
  v_outcomes text[];
  v_places integer[];
  v_nexts uuid[];
  ts record; -- the tasks, as columns
  rs record; -- their runs, as columns; a run's place is its position here
  v_states text[];
  v_finished bigint[]; -- by place: finished steps, made steps, last event
  v_made bigint[];
  v_seqs integer[];
  v_runs integer[]; -- the places of the runs that move on
  v_more boolean; -- some of them have steps left
  v_over boolean; -- some of them are over
  d_n integer[]; -- per finished step: its item, its task (id and position), the place of its run
  d_id uuid[];
  d_t integer[];
  d_r integer[];
  e_run integer[]; -- events, as columns
  e_seq integer[];
  e_no smallint[];
  e_type text[];
  e_data text[];
  c_pool bigint[]; -- counters, as columns
  c_ready bigint[];
  c_running bigint[];
  v_none bigint[];
  v_pools bigint[];
  x record; -- a step that is due now
  v_pipeline bigint;
  v_heir integer;
  v_carried integer; -- how many steps have an heir of their own pool, so that its counters stay as they are
  j integer;
  m integer;
  r integer;
BEGIN
  v_tenants := p_tenant;
  IF cardinality(p_tenant) > 1 THEN
    v_tenants := ARRAY(SELECT DISTINCT i.tenant COLLATE "C" FROM unnest(p_tenant) AS i (tenant) ORDER BY 1);
  END IF;
  FOREACH v_tenant IN ARRAY v_tenants LOOP
    PERFORM set_config('headrace.tenant', v_tenant, true);
    v_ns := array_positions(p_tenant, v_tenant);
    -- Runs before tasks, each in id order: an `= ANY` walk of the key goes in order.
    SELECT array_agg(l.id) AS id, array_agg(l.version) AS version, array_agg(l.pipeline) AS pipeline, array_agg(l.seq) AS seq,
           array_agg(l.made) AS made, array_agg(l.finished) AS finished, array_agg(l.every) AS every, array_agg(l.due_at) AS due_at,
           array_agg(l.rank) AS rank
    INTO rs
    FROM (SELECT r.id, r.version, r.pipeline, r.seq, r.made, r.finished, r.every, r.due_at, r.rank FROM runs r
          WHERE r.tenant = v_tenant
            AND r.id = ANY (ARRAY(SELECT t.run FROM tasks t WHERE t.tenant = v_tenant AND t.id = ANY (p_task)))
          FOR UPDATE) AS l;
    SELECT array_agg(l.id) AS id, array_agg(l.run) AS run, array_agg(l.no) AS no, array_agg(l.pool) AS pool,
           array_agg(l.state) AS state, array_agg(l.fence) AS fence, array_agg(l.park_until IS NOT NULL) AS marked,
           array_agg(l.finished_by) AS finished_by, array_agg(l.answer) AS answer
    INTO ts
    FROM (SELECT t.id, t.run, t.no, t.pool, t.state, t.fence, t.park_until, t.finished_by, t.answer FROM tasks t
          WHERE t.tenant = v_tenant AND t.id = ANY (p_task)
          FOR UPDATE) AS l;
    v_states := ts.state;
    v_finished := rs.finished;
    v_made := rs.made;
    v_seqs := rs.seq;
    v_outcomes := '{}';
    v_places := array_fill(NULL::integer, ARRAY[cardinality(v_ns)]);
    v_nexts := array_fill(NULL::uuid, ARRAY[cardinality(v_ns)]);
    v_runs := '{}';
    v_more := false;
    v_over := false;
    v_carried := 0;
    d_n := '{}';
    d_id := '{}';
    d_t := '{}';
    d_r := '{}';
    e_run := '{}';
    e_seq := '{}';
    e_no := '{}';
    e_type := '{}';
    e_data := '{}';
    c_pool := '{}';
    c_ready := '{}';
    c_running := '{}';
    v_pools := '{}';

    FOR k IN 1 .. cardinality(v_ns) LOOP
      m := v_ns[k];
      j := array_position(ts.id, p_task[m]);
      r := array_position(rs.id, ts.run[j]);
      IF j IS NULL OR rs.pipeline[r] <> p_pipeline[m] THEN
        v_outcomes[k] := 'Stale';
        CONTINUE;
      END IF;
      v_places[k] := r;
      IF ts.finished_by[j] = p_by[m] THEN
        v_outcomes[k] := ts.answer[j];
        v_nexts[k] := (SELECT t.id FROM tasks t WHERE t.key_hash = p_next_key[m] AND t.state = 'leased'
                       AND t.claimed_by = p_by[m] AND t.tenant = v_tenant);
      ELSIF v_states[j] <> 'leased' OR ts.fence[j] <> p_fence[m] THEN
        v_outcomes[k] := CASE WHEN v_states[j] = 'now' THEN '=' ELSE 'Stale' END;
      ELSIF ts.marked[j] THEN
        v_outcomes[k] := '+';
        v_states[j] := 'now';
      ELSE
        v_outcomes[k] := 'Done';
        v_states[j] := 'now';
        IF v_finished[r] = rs.finished[r] THEN
          v_runs := v_runs || r;
        END IF;
        v_finished[r] := v_finished[r] | (1::bigint << (ts.no[j] - 1));
        v_seqs[r] := v_seqs[r] + 1;
        d_n := d_n || m;
        d_id := d_id || ts.id[j];
        d_t := d_t || j;
        d_r := d_r || r;
        e_run := e_run || r;
        e_seq := e_seq || v_seqs[r];
        e_no := e_no || ts.no[j];
        e_type := e_type || CASE WHEN p_skipped[m] THEN 'step.skipped' ELSE 'step.finished' END;
        e_data := e_data || CASE WHEN p_skipped[m] OR p_output[m] IS NULL THEN '{}'
                                 WHEN octet_length(p_output[m]) > 16384 THEN '{"truncated": true}'
                                 ELSE '{"output": ' || p_output[m] || '}' END;
        c_pool := c_pool || ts.pool[j];
        c_ready := c_ready || 0::bigint;
        c_running := c_running || -1::bigint;
      END IF;
    END LOOP;

    IF d_n <> '{}' THEN
      UPDATE tasks t
      SET state = CASE WHEN p_skipped[d_n[array_position(d_id, t.id)]] THEN 'skipped' ELSE 'done' END,
          finished_by = p_by[d_n[array_position(d_id, t.id)]], answer = 'Done',
          key_hash = NULL, error_class = NULL, message = NULL
      WHERE t.tenant = v_tenant AND t.id = ANY (d_id);
      INSERT INTO outputs (tenant, run, no, output)
      SELECT v_tenant, ts.run[d.j], ts.no[d.j], p_output[d.n] FROM unnest(d_n, d_t) AS d (n, j)
      WHERE p_output[d.n] IS NOT NULL AND NOT p_skipped[d.n];

      FOREACH r IN ARRAY v_runs LOOP
        IF v_finished[r] <> rs.every[r] THEN
          v_more := true;
        ELSE
          v_over := true;
          v_seqs[r] := v_seqs[r] + 1;
          e_run := e_run || r;
          e_seq := e_seq || v_seqs[r];
          e_no := e_no || NULL::smallint;
          e_type := e_type || 'run.finished'::text;
          e_data := e_data || '{"status": "Succeeded"}'::text;
        END IF;
      END LOOP;

      -- What waits for nothing any more; the first of it in the pool of a step with a key goes with the answer.
      IF v_more THEN
        FOR x IN
          SELECT u.r, s.no, s.pool, s.type, s.bit, s.timeout_seconds, task_id(rs.id[u.r], s.no) AS id
          FROM unnest(v_runs) AS u (r) JOIN steps s ON s.tenant = v_tenant AND s.version = rs.version[u.r]
          WHERE s.needs <> 0 AND s.needs & v_finished[u.r] = s.needs AND s.bit & v_made[u.r] = 0
          ORDER BY u.r, s.no
        LOOP
          v_made[x.r] := v_made[x.r] | x.bit;
          SELECT d.n, d.o INTO m, v_heir FROM unnest(d_n, d_t, d_r) WITH ORDINALITY AS d (n, t, r, o)
          WHERE d.r = x.r AND p_next_key[d.n] IS NOT NULL AND ts.pool[d.t] = x.pool
            AND (p_types[d.n] = '' OR x.type = ANY (string_to_array(p_types[d.n], ',')))
          LIMIT 1;
          IF m IS NOT NULL AND pool_hold(v_tenant, x.pool) = 'None' AND coalesce(claim_room(v_tenant, x.pool) >= 0, true) THEN
            d_r[v_heir] := 0; -- one each
            v_carried := v_carried + 1;
            v_nexts[array_position(v_ns, m)] := x.id;
            v_seqs[x.r] := v_seqs[x.r] + 1;
            e_run := e_run || x.r;
            e_seq := e_seq || v_seqs[x.r];
            e_no := e_no || x.no;
            e_type := e_type || 'step.started'::text;
            e_data := e_data || '{"attempt": 1}'::text;
          ELSE
            m := NULL;
            v_pools := v_pools || x.pool;
          END IF;
          INSERT INTO tasks (tenant, id, run, pool, version, no, type, timeout_seconds, state, fence, key_hash, claimed_by,
                             lease_until, deadline, rank)
          VALUES (v_tenant, x.id, rs.id[x.r], x.pool, rs.version[x.r], x.no, x.type, x.timeout_seconds,
                  CASE WHEN m IS NULL THEN 'ready' ELSE 'leased' END, CASE WHEN m IS NULL THEN 0 ELSE 1 END,
                  p_next_key[m], p_by[m], CASE WHEN m IS NOT NULL THEN now() + interval '30 s' END,
                  CASE WHEN m IS NOT NULL THEN least(now() + make_interval(secs => x.timeout_seconds), rs.due_at[x.r]) END,
                  rs.rank[x.r]);
          c_pool := c_pool || x.pool;
          c_ready := c_ready || (m IS NULL)::int::bigint;
          c_running := c_running || (m IS NOT NULL)::int::bigint;
        END LOOP;
      END IF;

      UPDATE runs r
      SET finished = v_finished[u.r], made = v_made[u.r], seq = v_seqs[u.r],
          phase = CASE WHEN v_finished[u.r] = r.every THEN 2 ELSE r.phase END,
          status = CASE WHEN v_finished[u.r] = r.every THEN 'Succeeded' ELSE r.status END,
          finished_at = CASE WHEN v_finished[u.r] = r.every THEN now() END,
          due_at = CASE WHEN v_finished[u.r] <> r.every THEN r.due_at
                        ELSE now() + make_interval(secs => (SELECT v.result_seconds FROM versions v
                                                            WHERE v.tenant = v_tenant AND v.id = r.version)) END
      FROM unnest(v_runs) AS u (r)
      -- The condition on all of them says nothing new: it keeps every plan off other rows.
      WHERE r.tenant = v_tenant AND r.id = rs.id[u.r] AND r.id = ANY (rs.id) AND r.phase = 1;
      INSERT INTO events (tenant, run, seq, no, type, data)
      SELECT v_tenant, rs.id[e.run], e.seq, e.no, e.type, e.data
      FROM unnest(e_run, e_seq, e_no, e_type, e_data) AS e (run, seq, no, type, data);
      IF v_carried < cardinality(d_n) OR v_pools <> '{}' THEN
        v_none := array_fill(0::bigint, ARRAY[cardinality(c_pool)]);
        PERFORM tally(v_tenant, c_pool, c_ready, c_running, v_none, v_none);
      END IF;
    END IF;

    FOR k IN 1 .. cardinality(v_ns) LOOP
      m := v_ns[k];
      IF v_outcomes[k] = '+' THEN
        v_outcomes[k] := (SELECT s.outcome FROM settle(v_tenant, p_task[m], 'Park', NULL, NULL, 0, NULL, p_by[m]) AS s);
      ELSIF v_outcomes[k] = '=' THEN -- the same task twice in one batch: the second finds what the first has left
        v_outcomes[k] := (SELECT CASE WHEN t.finished_by = p_by[m] THEN t.answer ELSE 'Stale' END
                          FROM tasks t WHERE t.tenant = v_tenant AND t.id = p_task[m]);
      END IF;
    END LOOP;
    IF v_over THEN
      PERFORM release_keys(v_tenant, ARRAY(SELECT rs.id[u.r] FROM unnest(v_runs) AS u (r) WHERE v_finished[u.r] = rs.every[u.r]));
      FOR v_pipeline IN
        SELECT DISTINCT rs.pipeline[u.r] FROM unnest(v_runs) AS u (r) WHERE v_finished[u.r] = rs.every[u.r] ORDER BY 1
      LOOP
        v_pools := v_pools || promote(v_tenant, v_pipeline);
      END LOOP;
    END IF;

    IF array_remove(v_nexts, NULL) = '{}' THEN
      RETURN QUERY
        SELECT a.n::bigint, a.outcome, coalesce(v_finished[a.r] = rs.every[a.r], false),
               CASE WHEN a.n = v_ns[1] THEN v_pools ELSE '{}' END,
               NULL::text, NULL::uuid, NULL::bigint, NULL::uuid, NULL::text, NULL::bigint, NULL::smallint, NULL::bytea,
               NULL::text, NULL::text, NULL::text[], NULL::text[], NULL::text, NULL::float8, NULL::float8
        FROM unnest(v_ns, v_outcomes, v_places) AS a (n, outcome, r);
    ELSE
      RETURN QUERY
        SELECT a.n::bigint, a.outcome, coalesce(v_finished[a.r] = rs.every[a.r], false),
               CASE WHEN a.n = v_ns[1] THEN v_pools ELSE '{}' END, l.*
        FROM unnest(v_ns, v_outcomes, v_places, v_nexts) AS a (n, outcome, r, next)
        LEFT JOIN LATERAL leases(v_tenant, ARRAY[a.next]) AS l ON true;
    END IF;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.complete TO headrace_gateway;
