-- Admit waiting runs, in the order of claims, as far as `maxConcurrentRuns` and the tenant's limit of runs allow; return the
-- pools to wake. One transaction at a time per pipeline (per tenant, if that has a limit: then every pipeline of it
-- may have the next one), or two ends of runs would both see one free place.
CREATE OR REPLACE FUNCTION headrace.promote(p_tenant text, p_pipeline bigint) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  v_max integer;
  v_most integer; -- of the tenant
  v_free integer;
  v_runs uuid[];
  v_pools bigint[];
  v_ready bigint[];
  v_none bigint[];
BEGIN
  PERFORM FROM runs r WHERE r.tenant = p_tenant AND r.phase = 0 LIMIT 1; -- hardly ever
  IF NOT FOUND THEN
    RETURN '{}';
  END IF;
  v_most := tenant_most(p_tenant, 'runs');
  IF v_most IS NULL THEN
    PERFORM FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.phase = 0 LIMIT 1;
    IF NOT FOUND THEN
      RETURN '{}';
    END IF;
  END IF;
  PERFORM pg_advisory_xact_lock(
    hashtextextended('headrace.promote ' || p_tenant, CASE WHEN v_most IS NULL THEN p_pipeline ELSE 0 END));
  SELECT l.max_concurrent_runs INTO v_max FROM pipelines l WHERE l.tenant = p_tenant AND l.id = p_pipeline;
  -- Without a limit (it was just lifted) they come in bites: the sweep fetches the rest.
  v_free := coalesce(v_max, 1000);
  IF v_most IS NOT NULL THEN
    SELECT v_most - count(*) INTO v_free
    FROM pipelines l CROSS JOIN LATERAL (
      SELECT FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = l.id AND r.phase = 1 LIMIT v_most) AS open
    WHERE l.tenant = p_tenant;
  ELSIF v_max IS NOT NULL THEN
    SELECT v_max - count(*) INTO v_free
    FROM (SELECT FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.phase = 1 LIMIT v_max) AS open;
  END IF;
  IF v_free <= 0 THEN
    RETURN '{}';
  END IF;
  IF v_most IS NULL THEN
    v_runs := ARRAY(
      SELECT r.id FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p_pipeline AND r.phase = 0
      ORDER BY r.rank, r.id LIMIT least(v_free, 1000) FOR UPDATE SKIP LOCKED);
  ELSE
    v_free := least(v_free, 1000);
    v_runs := ARRAY(
      SELECT w.id FROM pipelines l
      CROSS JOIN LATERAL (
        SELECT l.max_concurrent_runs - count(*) AS free
        FROM (SELECT FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = l.id AND r.phase = 1
              LIMIT l.max_concurrent_runs) AS open
        WHERE l.max_concurrent_runs IS NOT NULL
      ) AS o
      CROSS JOIN LATERAL (
        SELECT r.id, r.rank FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = l.id AND r.phase = 0
        ORDER BY r.rank, r.id LIMIT greatest(least(o.free, v_free), 0)
      ) AS w
      WHERE l.tenant = p_tenant ORDER BY w.rank, w.id LIMIT v_free);
    -- What a cancel holds is left to it; the place is filled by its own promotion.
    v_runs := ARRAY(
      SELECT r.id FROM runs r WHERE r.tenant = p_tenant AND r.id = ANY (v_runs) AND r.phase = 0 FOR UPDATE SKIP LOCKED);
  END IF;
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
