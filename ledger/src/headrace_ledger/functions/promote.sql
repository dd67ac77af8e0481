-- Admit waiting runs, in the order of claims, as far as `maxConcurrentRuns` allows; return the pools to wake.
-- One transaction at a time per pipeline, or two ends of runs would both see one free place.
CREATE OR REPLACE FUNCTION headrace.promote(p_tenant text, p_pipeline bigint) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  v_max integer;
  v_free integer;
  v_runs uuid[];
  v_pools bigint[];
  v_ready bigint[];
  v_none bigint[];
BEGIN
  PERFORM FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.phase = 0 LIMIT 1;
  IF NOT FOUND THEN
    RETURN '{}';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('headrace.promote ' || p_tenant, p_pipeline));
  SELECT l.max_concurrent_runs INTO v_max FROM pipelines l WHERE l.tenant = p_tenant AND l.id = p_pipeline;
  -- Without a limit (it was just lifted) they come in bites: the sweep fetches the rest.
  v_free := coalesce(v_max, 1000);
  IF v_max IS NOT NULL THEN
    SELECT v_max - count(*) INTO v_free
    FROM (SELECT FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.phase = 1 LIMIT v_max) AS open;
  END IF;
  IF v_free <= 0 THEN
    RETURN '{}';
  END IF;
  v_runs := ARRAY(
    SELECT r.id FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.phase = 0
    ORDER BY r.rank, r.id LIMIT least(v_free, 1000) FOR UPDATE SKIP LOCKED);
  UPDATE runs r SET phase = 1 WHERE r.tenant = p_tenant AND r.id = ANY (v_runs);
  WITH moved AS (
    UPDATE tasks t SET state = 'ready', ready_at = now()
    WHERE t.tenant = p_tenant AND t.id = ANY (ARRAY(SELECT unnest(task_ids(p_tenant, x)) FROM unnest(v_runs) AS x))
      AND t.state = 'waiting'
    RETURNING t.pool
  ), summed AS (
    SELECT m.pool, count(*) AS n FROM moved m GROUP BY m.pool
  )
  SELECT coalesce(array_agg(s.pool), '{}'), coalesce(array_agg(s.n), '{}') INTO v_pools, v_ready FROM summed s;
  v_none := array_fill(0::bigint, ARRAY[cardinality(v_pools)]);
  PERFORM tally(p_tenant, v_pools, v_ready, v_none, v_none, v_none);
  RETURN v_pools;
END
$$;
