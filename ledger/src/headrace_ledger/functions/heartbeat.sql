-- These steps are still running: extend every lease that still stands, and tell of those that do not.
-- To a caller of another pipeline (NULL: of none) a lease is lost.
CREATE OR REPLACE FUNCTION headrace.heartbeat(p_tenant text[], p_task uuid[], p_fence bigint[], p_pipeline bigint[])
RETURNS TABLE (n bigint, outcome text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
  v_tenant text;
BEGIN
  FOR v_tenant IN SELECT DISTINCT x COLLATE "C" FROM unnest(p_tenant) AS x ORDER BY 1 LOOP
    PERFORM set_config('headrace.tenant', v_tenant, true);
    WITH held AS MATERIALIZED (
      SELECT t.id FROM unnest(p_tenant, p_task, p_fence, p_pipeline) AS i (tenant, task, fence, pipeline)
      JOIN tasks t ON t.tenant = v_tenant AND t.id = i.task AND t.fence = i.fence AND t.state = 'leased'
      WHERE i.tenant = v_tenant AND t.id = ANY (p_task) -- again, for plans with old statistics
        AND (i.pipeline IS NULL OR EXISTS (
          SELECT FROM pools p WHERE p.tenant = v_tenant AND p.id = t.pool AND p.pipeline = i.pipeline))
      ORDER BY t.id FOR UPDATE OF t
    )
    UPDATE tasks t SET lease_until = now() + interval '30 s' FROM held h
    WHERE t.tenant = v_tenant AND t.id = h.id AND t.id = ANY (p_task);
    RETURN QUERY
      SELECT i.n, beat(v_tenant, i.task, i.fence, i.pipeline)
      FROM unnest(p_tenant, p_task, p_fence, p_pipeline) WITH ORDINALITY AS i (tenant, task, fence, pipeline, n)
      WHERE i.tenant = v_tenant;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.heartbeat TO headrace_gateway;
