-- Admit waiting runs, oldest first, as far as `maxConcurrentRuns` allows; return the pools to wake.
-- One transaction at a time per pipeline, or two ends of runs would both see one free place.
CREATE OR REPLACE FUNCTION headrace.promote(p_tenant text, p_pipeline bigint) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_max integer;
  v_free integer;
  v_runs uuid[];
  v_pools bigint[];
  v_ready bigint[];
BEGIN
  PERFORM FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.finished_at IS NULL AND NOT r.admitted
  LIMIT 1;
  IF NOT FOUND THEN
    RETURN '{}';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('headrace.promote ' || p_tenant, p_pipeline));
  SELECT l.max_concurrent_runs INTO v_max FROM pipelines l WHERE l.tenant = p_tenant AND l.id = p_pipeline;
  -- Without a limit (it was just lifted) they come in bites: the sweep fetches the rest.
  SELECT least(coalesce(v_max, 1000) - CASE WHEN v_max IS NULL THEN 0 ELSE count(*) END, 1000) INTO v_free
  FROM (SELECT FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.finished_at IS NULL AND r.admitted
        LIMIT coalesce(v_max, 0)) AS admitted;
  IF v_free <= 0 THEN
    RETURN '{}';
  END IF;
  v_runs := ARRAY(
    SELECT r.id FROM runs r
    WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.finished_at IS NULL AND NOT r.admitted
    ORDER BY r.id LIMIT v_free FOR UPDATE SKIP LOCKED);
  UPDATE runs r SET admitted = true WHERE r.tenant = p_tenant AND r.id = ANY (v_runs);
  WITH moved AS (
    UPDATE tasks t SET state = 'ready', ready_at = now()
    WHERE t.tenant = p_tenant AND t.run = ANY (v_runs) AND t.state = 'waiting'
    RETURNING t.pool
  ), summed AS (
    SELECT m.pool, count(*) AS n FROM moved m GROUP BY m.pool
  )
  SELECT coalesce(array_agg(s.pool), '{}'), coalesce(array_agg(s.n), '{}') INTO v_pools, v_ready FROM summed s;
  PERFORM tally(p_tenant, v_pools, v_ready, array_fill(0::bigint, ARRAY[cardinality(v_pools)]),
                array_fill(0::bigint, ARRAY[cardinality(v_pools)]), array_fill(0::bigint, ARRAY[cardinality(v_pools)]));
  RETURN v_pools;
END
$$;
