-- Accept many runs: each is its row, its input, its first tasks and its first event, or nothing at all.
-- A run over its pipeline's `maxConcurrentRuns`, or its tenant's limit of runs, is accepted too; its tasks stay `waiting`.
-- So is one over a limit per key, unless that says Reject: then it is `KeyFull`, and nothing is written.
-- Plain statements, one per table: a lone submit pays for no more than its rows, many share each statement.
CREATE OR REPLACE FUNCTION headrace.accept(
  p_tenant text[], p_id uuid[], p_pipeline text[], p_digest text[], p_input text[], p_key text[],
  p_hash bytea[], p_trace text[], p_priority text[] DEFAULT NULL, p_deadline timestamptz[] DEFAULT NULL,
  p_keys text[] DEFAULT NULL
) RETURNS TABLE (n bigint, outcome text, id uuid, pools bigint[], full_key text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
  v_firsts bigint[] := ARRAY[1]; -- the first item of each version of each pipeline
  k bigint;
  v_tenant text;
  v record; -- that version
  v_all bigint[]; -- the positions of its items
  v_made bigint;
  v_sel bigint[]; -- the positions that this turn is about; NULL for all
  v_left bigint[];
  v_pools bigint[];
  v_full bigint[];
  v_full_names text[];
BEGIN
  IF cardinality(p_id) > 1 THEN
    v_firsts := ARRAY(
      SELECT min(i.n) FROM unnest(p_tenant, p_pipeline, p_digest) WITH ORDINALITY AS i (tenant, pipeline, digest, n)
      GROUP BY i.tenant, i.pipeline, i.digest
      ORDER BY i.tenant COLLATE "C", i.pipeline COLLATE "C", i.digest COLLATE "C");
  END IF;
  FOREACH k IN ARRAY v_firsts LOOP
    v_tenant := p_tenant[k];
    v_all := v_firsts;
    IF cardinality(p_id) > 1 THEN
      v_all := ARRAY(
        SELECT i.n FROM unnest(p_tenant, p_pipeline, p_digest) WITH ORDINALITY AS i (tenant, pipeline, digest, n)
        WHERE i.tenant = v_tenant AND i.pipeline = p_pipeline[k] AND i.digest = p_digest[k]);
    END IF;
    PERFORM set_config('headrace.tenant', v_tenant, true);
    SELECT l.id AS pipeline, w.id, w.all_steps, w.first_steps, w.first_pools, w.first_counts,
           now() + make_interval(secs => w.run_seconds) AS due_at, l.key_names IS NOT NULL AS keyed,
           (CASE WHEN l.key_names IS NOT NULL THEN -1 ELSE (coalesce(l.max_concurrent_runs, tenant_most(v_tenant, 'runs')) IS NULL)::int
            END)::smallint AS phase
    INTO v
    FROM pipelines l
    JOIN versions w ON w.tenant = v_tenant AND w.pipeline = l.id AND w.digest = p_digest[k] AND NOT w.retired
    WHERE l.tenant = v_tenant AND l.uid = p_pipeline[k] AND l.deleting_since IS NULL;
    v_left := v_all;
    v_full := '{}';
    IF FOUND THEN
      v_sel := CASE WHEN cardinality(v_all) = cardinality(p_id) THEN NULL ELSE v_all END;
      IF v.keyed THEN
        PERFORM lock_keys(v_tenant, v.pipeline);
        SELECT coalesce(array_agg(f.n), '{}'), array_agg(f.name) INTO v_full, v_full_names
        FROM full_keys(v_tenant, v.pipeline, v_all, p_id, p_key, p_keys) AS f;
        IF v_full <> '{}' THEN
          v_sel := ARRAY(SELECT x FROM unnest(v_all) AS x WHERE NOT x = ANY (v_full));
        END IF;
      END IF;
      INSERT INTO runs (tenant, id, pipeline, version, due_at, every, made, phase, body_hash, traceparent, idempotency_key,
                        priority, deadline, rank)
      SELECT v_tenant, i.id, v.pipeline, v.id, least(v.due_at, i.deadline), v.all_steps, v.first_steps, v.phase, i.hash,
             i.trace, i.key, coalesce(i.priority, 'Normal'), i.deadline, rank_of(i.priority, i.deadline)
      FROM unnest(p_id, p_hash, p_trace, p_key, p_priority, p_deadline) WITH ORDINALITY
        AS i (id, hash, trace, key, priority, deadline, n)
      WHERE v_sel IS NULL OR i.n = ANY (v_sel)
      ON CONFLICT DO NOTHING;
      GET DIAGNOSTICS v_made = ROW_COUNT;
      IF v_made < cardinality(v_all) THEN -- some are there already; ours are those that this transaction has written
        v_sel := ARRAY(
          SELECT min(i.n) FROM unnest(p_id) WITH ORDINALITY AS i (id, n)
          JOIN runs r ON r.tenant = v_tenant AND r.id = i.id AND r.xmin = pg_current_xact_id()::xid
          WHERE i.n = ANY (v_all) GROUP BY i.id);
        v_left := ARRAY(SELECT x FROM unnest(v_all) AS x WHERE NOT x = ANY (v_sel));
      ELSE
        v_left := '{}';
      END IF;
    ELSE
      v_made := 0;
    END IF;

    IF v_made > 0 THEN
      INSERT INTO inputs (tenant, run, input)
      SELECT v_tenant, i.id, i.input FROM unnest(p_id, p_input) WITH ORDINALITY AS i (id, input, n)
      WHERE v_sel IS NULL OR i.n = ANY (v_sel);
      INSERT INTO events (tenant, run, seq, type)
      SELECT v_tenant, i.id, 1, 'run.accepted' FROM unnest(p_id) WITH ORDINALITY AS i (id, n)
      WHERE v_sel IS NULL OR i.n = ANY (v_sel);
      INSERT INTO tasks (tenant, id, run, pool, version, no, state, type, timeout_seconds, rank)
      SELECT v_tenant, task_id(i.id, s.no), i.id, s.pool, v.id, s.no,
             CASE v.phase WHEN 1 THEN 'ready' ELSE 'waiting' END, s.type, s.timeout_seconds,
             rank_of(i.priority, i.deadline)
      FROM steps s, unnest(p_id, p_priority, p_deadline) WITH ORDINALITY AS i (id, priority, deadline, n)
      WHERE s.tenant = v_tenant AND s.version = v.id AND s.needs = 0 AND (v_sel IS NULL OR i.n = ANY (v_sel));
      IF v.keyed THEN
        INSERT INTO run_keys (tenant, run, name, key, pipeline, rank, held)
        SELECT v_tenant, i.id, e.key, e.value, v.pipeline, rank_of(i.priority, i.deadline), false
        FROM unnest(p_id, p_keys, p_priority, p_deadline) WITH ORDINALITY AS i (id, keys, priority, deadline, n)
        CROSS JOIN LATERAL jsonb_each_text(i.keys::jsonb) AS e
        WHERE v_sel IS NULL OR i.n = ANY (v_sel);
        PERFORM admit_by_key(v_tenant, v.pipeline, ARRAY(
          SELECT i.id FROM unnest(p_id) WITH ORDINALITY AS i (id, n) WHERE v_sel IS NULL OR i.n = ANY (v_sel)));
      END IF;
      v_pools := v.first_pools;
      IF v.phase = 1 THEN
        FOR j IN 1 .. cardinality(v_pools) LOOP
          UPDATE pool_counts c SET ready = c.ready + v_made * v.first_counts[j]
          WHERE c.tenant = v_tenant AND c.pool = v_pools[j] AND c.shard = pg_backend_pid() % 8;
        END LOOP;
      ELSE
        v_pools := promote(v_tenant, v.pipeline);
      END IF;
      RETURN QUERY
        SELECT i.n, 'Accepted', i.id, v_pools, NULL::text FROM unnest(p_id) WITH ORDINALITY AS i (id, n)
        WHERE v_sel IS NULL OR i.n = ANY (v_sel);
    END IF;

    -- The rest: a run that is there already (the same submit again, or its key used before), or no pipeline.
    IF v_left <> '{}' THEN
      RETURN QUERY
        SELECT i.n, CASE WHEN r.id IS NULL AND i.n = ANY (v_full) THEN 'KeyFull' WHEN r.id IS NULL THEN 'Gone' WHEN r.body_hash = i.hash THEN 'Repeated' ELSE 'Conflict' END,
               r.id, '{}'::bigint[], v_full_names[array_position(v_full, i.n)]
        FROM unnest(p_id, p_key, p_hash) WITH ORDINALITY AS i (id, key, hash, n)
        LEFT JOIN LATERAL (
          SELECT r.id, r.body_hash FROM runs r WHERE r.tenant = v_tenant AND r.id = i.id
          UNION ALL
          SELECT r.id, r.body_hash FROM pipelines l
          JOIN runs r ON r.tenant = v_tenant AND r.pipeline = l.id AND r.idempotency_key = i.key
          WHERE l.tenant = v_tenant AND l.uid = p_pipeline[k]
          LIMIT 1
        ) AS r ON true
        WHERE i.n = ANY (v_left);
    END IF;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.accept TO headrace_gateway;
