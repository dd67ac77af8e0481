-- Steps that ended well, of many runs and tenants: checkpoint, next tasks and events in one transaction.
-- With a key for it, the run's next task of the same pool is leased at once and comes back with the answer.
-- A retried complete finds its stored answer although the fence is spent.
CREATE OR REPLACE FUNCTION headrace.complete(
  p_tenant text[], p_task uuid[], p_fence bigint[], p_by text[], p_output text[], p_skipped boolean[],
  p_next_key bytea[], p_types text[]
) RETURNS TABLE (n bigint, outcome text, finished boolean, pools bigint[],
                 tenant text, task uuid, fence bigint, run uuid, step text, pool bigint, attempt smallint,
                 key_hash bytea, digest text, input text, steps text[], outputs text[], traceparent text,
                 lease_seconds float8, timeout_seconds float8)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
  v_tenant text;
  v_n bigint[];
  v_outcome text[];
  v_finished boolean[];
  v_pools bigint[];
  v_ended bigint[];
  v_pipeline bigint;
  v_next uuid[];
BEGIN
  FOR v_tenant IN SELECT DISTINCT x COLLATE "C" FROM unnest(p_tenant) AS x ORDER BY 1 LOOP
    PERFORM set_config('headrace.tenant', v_tenant, true);
    PERFORM lock_tasks(v_tenant, p_task);

    WITH item AS MATERIALIZED (
      SELECT i.n, i.task, i.who, i.output, i.skipped, i.next_key, i.types, t.run, t.no, t.pool, t.version,
             CASE WHEN t.finished_by = i.who THEN t.answer
                  WHEN t.state = 'leased' AND t.fence = i.fence
                    THEN CASE WHEN t.park_until IS NULL THEN '+Done' ELSE '+Parked' END
                  ELSE 'Stale' END AS verdict,
             row_number() OVER (PARTITION BY i.task ORDER BY i.n) AS copy
      FROM unnest(p_tenant, p_task, p_fence, p_by, p_output, p_skipped, p_next_key, p_types)
           WITH ORDINALITY AS i (tenant, task, fence, who, output, skipped, next_key, types, n)
      LEFT JOIN tasks t ON t.tenant = v_tenant AND t.id = i.task
      WHERE i.tenant = v_tenant
    ), done AS MATERIALIZED (
      SELECT i.*, s.name, row_number() OVER (PARTITION BY i.run ORDER BY i.no) AS nth,
             row_number() OVER (PARTITION BY i.run, i.pool ORDER BY i.next_key IS NULL, i.no) AS turn
      FROM item i JOIN steps s ON s.tenant = v_tenant AND s.version = i.version AND s.no = i.no
      WHERE i.verdict = '+Done' AND i.copy = 1
    ), run AS MATERIALIZED (
      SELECT r.id, r.pipeline, r.version, r.seq, r.made, r.deadline, d.n, v.result_seconds, r.finished | d.bits AS finished,
             r.finished | d.bits = v.all_steps AS ended
      FROM (SELECT d.run, bit_or(1::bigint << (d.no - 1)) AS bits, count(*) AS n FROM done d GROUP BY d.run) AS d
      JOIN runs r ON r.tenant = v_tenant AND r.id = d.run
      JOIN versions v ON v.tenant = v_tenant AND v.id = r.version
    ), due AS MATERIALIZED (
      SELECT r.id AS run, r.deadline, s.no, s.bit, s.pool, s.type, s.name, s.version, s.timeout_seconds,
             row_number() OVER (PARTITION BY r.id, s.pool ORDER BY s.no) AS turn
      FROM run r
      JOIN steps s ON s.tenant = v_tenant AND s.version = r.version
       AND s.needs & r.finished = s.needs AND s.needs <> 0 AND s.bit & r.made = 0
      WHERE NOT r.ended
    ), next AS MATERIALIZED (
      SELECT u.*, d.next_key, d.who, row_number() OVER (PARTITION BY u.run ORDER BY u.no) AS nth
      FROM due u
      LEFT JOIN done d ON d.run = u.run AND d.pool = u.pool AND d.turn = u.turn AND d.next_key IS NOT NULL
       AND (d.types = '' OR u.type = ANY (string_to_array(d.types, ',')))
       AND pool_hold(v_tenant, u.pool) = 'None'
    ), closed AS (
      UPDATE tasks t
      SET state = CASE WHEN d.skipped THEN 'skipped' ELSE 'done' END, finished_by = d.who, answer = 'Done',
          key_hash = NULL, error_class = NULL, message = NULL
      FROM done d WHERE t.tenant = v_tenant AND t.id = d.task
    ), kept AS (
      INSERT INTO outputs (tenant, run, no, output)
      SELECT v_tenant, d.run, d.no, d.output FROM done d WHERE d.output IS NOT NULL AND NOT d.skipped
    ), opened AS (
      INSERT INTO tasks (tenant, id, run, pool, version, no, type, state, fence, key_hash, claimed_by, lease_until, deadline)
      SELECT v_tenant, task_id(x.run, x.no), x.run, x.pool, x.version, x.no, x.type,
             CASE WHEN x.who IS NULL THEN 'ready' ELSE 'leased' END, CASE WHEN x.who IS NULL THEN 0 ELSE 1 END,
             x.next_key, x.who, CASE WHEN x.who IS NOT NULL THEN now() + interval '30 s' END,
             CASE WHEN x.who IS NOT NULL THEN least(now() + make_interval(secs => x.timeout_seconds), x.deadline) END
      FROM next x
    ), moved AS (
      UPDATE runs r
      SET finished = u.finished, made = r.made | u.bits, seq = r.seq + u.told,
          status = CASE WHEN u.ended THEN 'Succeeded' ELSE r.status END,
          finished_at = CASE WHEN u.ended THEN now() END,
          expires_at = CASE WHEN u.ended THEN now() + make_interval(secs => u.result_seconds) END
      FROM (SELECT r.id, r.finished, r.ended, r.result_seconds, coalesce(x.bits, 0) AS bits,
                   r.n + coalesce(x.taken, 0) + r.ended::int AS told
            FROM run r
            LEFT JOIN (SELECT x.run, bit_or(x.bit) AS bits, count(x.who) AS taken FROM next x GROUP BY x.run) AS x ON x.run = r.id
           ) AS u
      WHERE r.tenant = v_tenant AND r.id = u.id
    ), told AS (
      INSERT INTO events (tenant, run, seq, type, step, data)
      SELECT v_tenant, d.run, r.seq + d.nth, CASE WHEN d.skipped THEN 'step.skipped' ELSE 'step.finished' END, d.name,
             CASE WHEN d.output IS NULL OR d.skipped THEN '{}' WHEN octet_length(d.output) > 16384 THEN '{"truncated": true}'
                  ELSE '{"output": ' || d.output || '}' END
      FROM done d JOIN run r ON r.id = d.run
      UNION ALL
      SELECT v_tenant, x.run, r.seq + r.n + row_number() OVER (PARTITION BY x.run ORDER BY x.no), 'step.started', x.name,
             '{"attempt": 1}'
      FROM next x JOIN run r ON r.id = x.run WHERE x.who IS NOT NULL
      UNION ALL
      SELECT v_tenant, r.id, r.seq + r.n + 1, 'run.finished', NULL, '{"status": "Succeeded"}' FROM run r WHERE r.ended
    ), counted AS (
      UPDATE pool_counts c SET ready = c.ready + m.ready, running = c.running + m.running
      FROM (SELECT u.pool, sum(u.ready) AS ready, sum(u.running) AS running
            FROM (SELECT d.pool, 0 AS ready, -1 AS running FROM done d
                  UNION ALL
                  SELECT x.pool, (x.who IS NULL)::int, (x.who IS NOT NULL)::int FROM next x) AS u
            GROUP BY u.pool ORDER BY u.pool) AS m
      WHERE c.tenant = v_tenant AND c.pool = m.pool AND c.shard = pg_backend_pid() % 8
    )
    SELECT array_agg(i.n ORDER BY i.n), array_agg(CASE WHEN i.copy = 1 THEN i.verdict ELSE '=' END ORDER BY i.n),
           array_agg(coalesce(r.ended, false) AND i.verdict = '+Done' ORDER BY i.n),
           ARRAY(SELECT DISTINCT x.pool FROM next x WHERE x.who IS NULL),
           ARRAY(SELECT DISTINCT r.pipeline FROM run r WHERE r.ended)
    INTO v_n, v_outcome, v_finished, v_pools, v_ended
    FROM item i LEFT JOIN run r ON r.id = i.run;

    FOR k IN 1 .. cardinality(v_n) LOOP
      IF v_outcome[k] = '+Parked' THEN
        SELECT s.outcome, s.ended INTO v_outcome[k], v_finished[k]
        FROM settle(v_tenant, p_task[v_n[k]], 'Park', NULL, NULL, 0, NULL, p_by[v_n[k]]) AS s;
      ELSIF v_outcome[k] = '=' THEN -- the same task twice in one batch: the second finds what the first has left
        SELECT CASE WHEN t.finished_by = p_by[v_n[k]] THEN t.answer ELSE 'Stale' END INTO v_outcome[k]
        FROM tasks t WHERE t.tenant = v_tenant AND t.id = p_task[v_n[k]];
      END IF;
    END LOOP;
    FOREACH v_pipeline IN ARRAY v_ended LOOP
      v_pools := v_pools || promote(v_tenant, v_pipeline);
    END LOOP;

    v_next := ARRAY(SELECT t.id FROM unnest(p_next_key, p_by) AS i (key, who)
                    JOIN tasks t ON t.key_hash = i.key AND t.state = 'leased' AND t.claimed_by = i.who AND t.tenant = v_tenant);
    RETURN QUERY
      SELECT a.n, ltrim(a.outcome, '+'), coalesce(a.finished, false), CASE WHEN a.n = v_n[1] THEN v_pools ELSE '{}' END, l.*
      FROM unnest(v_n, v_outcome, v_finished) AS a (n, outcome, finished)
      LEFT JOIN leases(v_tenant, v_next) AS l ON v_next <> '{}' AND l.key_hash = p_next_key[a.n];
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.complete TO headrace_gateway;
