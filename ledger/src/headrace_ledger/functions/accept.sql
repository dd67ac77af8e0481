-- Accept many runs: each is its row, its input, its first tasks and its first event, or nothing at all.
-- A run over `maxConcurrentRuns` is accepted too; its tasks stay `waiting`.
CREATE OR REPLACE FUNCTION headrace.accept(
  p_tenant text[], p_id uuid[], p_pipeline text[], p_digest text[], p_input text[], p_key text[],
  p_hash bytea[], p_trace text[]
) RETURNS TABLE (n bigint, outcome text, id uuid, pools bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_tenant text;
  v_wake bigint[];
  v_waiting bigint[];
  v_mine integer;
  v_made bigint[];
  f record;
BEGIN
  FOR v_tenant IN SELECT DISTINCT t COLLATE "C" FROM unnest(p_tenant) AS t ORDER BY 1 LOOP
    PERFORM set_config('headrace.tenant', v_tenant, true);
    v_waiting := '{}';
    v_made := '{}';
    FOR f IN
      WITH item AS MATERIALIZED (
        SELECT i.n, i.id, i.input, i.key, i.hash, i.trace, l.id AS pipeline, v.id AS version, v.first_steps,
               v.first_pools, v.run_seconds, l.max_concurrent_runs IS NULL AS admitted
        FROM unnest(p_tenant, p_id, p_pipeline, p_digest, p_input, p_key, p_hash, p_trace)
             WITH ORDINALITY AS i (tenant, id, pipeline, digest, input, key, hash, trace, n)
        JOIN pipelines l ON l.tenant = v_tenant AND l.uid = i.pipeline AND l.deleting_since IS NULL
        JOIN versions v ON v.tenant = v_tenant AND v.pipeline = l.id AND v.digest = i.digest AND NOT v.retired
        WHERE i.tenant = v_tenant
      ), made AS (
        INSERT INTO runs (tenant, id, pipeline, version, deadline, made, admitted, body_hash, traceparent, idempotency_key)
        SELECT v_tenant, i.id, i.pipeline, i.version, now() + make_interval(secs => i.run_seconds), i.first_steps,
               i.admitted, i.hash, i.trace, i.key
        FROM item i
        ON CONFLICT DO NOTHING
        RETURNING runs.id
      ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (i.id) i.* FROM item i JOIN made m ON m.id = i.id ORDER BY i.id, i.n
      ), documents AS (
        INSERT INTO inputs (tenant, run, input) SELECT v_tenant, f.id, f.input FROM fresh f
      ), told AS (
        INSERT INTO events (tenant, run, seq, type) SELECT v_tenant, f.id, 1, 'run.accepted' FROM fresh f
      ), task AS (
        INSERT INTO tasks (tenant, id, run, pool, version, no, state, type)
        SELECT v_tenant, task_id(f.id, s.no), f.id, s.pool, f.version, s.no,
               CASE WHEN f.admitted THEN 'ready' ELSE 'waiting' END, s.type
        FROM fresh f JOIN steps s ON s.tenant = v_tenant AND s.version = f.version AND s.needs = 0
        RETURNING tasks.pool, tasks.state
      ), counted AS (
        UPDATE pool_counts c SET ready = c.ready + d.n
        FROM (SELECT t.pool, count(*) AS n FROM task t WHERE t.state = 'ready' GROUP BY t.pool ORDER BY t.pool) AS d
        WHERE c.tenant = v_tenant AND c.pool = d.pool AND c.shard = pg_backend_pid() % 8
      )
      SELECT f.n, f.id, f.pipeline, f.admitted, f.first_pools FROM fresh f
    LOOP
      n := f.n;
      outcome := 'Accepted';
      id := f.id;
      pools := CASE WHEN f.admitted THEN f.first_pools ELSE '{}' END;
      v_made := v_made || f.n;
      IF NOT f.admitted AND NOT f.pipeline = ANY (v_waiting) THEN
        v_waiting := v_waiting || f.pipeline;
        v_wake := promote(v_tenant, f.pipeline);
        pools := v_wake;
      END IF;
      RETURN NEXT;
    END LOOP;

    SELECT count(*) INTO v_mine FROM unnest(p_tenant) AS t WHERE t = v_tenant;
    CONTINUE WHEN v_mine = cardinality(v_made);
    -- The rest: a run that is there already (the same submit again, or its key used before), or no pipeline.
    RETURN QUERY
      SELECT i.n,
             CASE WHEN r.id IS NULL THEN 'Gone' WHEN r.body_hash = i.hash THEN 'Repeated' ELSE 'Conflict' END,
             r.id, '{}'::bigint[]
      FROM unnest(p_tenant, p_id, p_pipeline, p_key, p_hash) WITH ORDINALITY AS i (tenant, id, pipeline, key, hash, n)
      LEFT JOIN LATERAL (
        SELECT r.id, r.body_hash FROM runs r WHERE r.tenant = v_tenant AND r.id = i.id
        UNION ALL
        SELECT r.id, r.body_hash FROM pipelines l
        JOIN runs r ON r.tenant = v_tenant AND r.pipeline = l.id AND r.idempotency_key = i.key
        WHERE l.tenant = v_tenant AND l.uid = i.pipeline
        LIMIT 1
      ) AS r ON true
      WHERE i.tenant = v_tenant AND NOT i.n = ANY (v_made);
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.accept TO headrace_gateway;
