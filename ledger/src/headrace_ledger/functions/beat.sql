-- Whether a lease still stands: 'Held', 'Interrupt' (HoldAndDrain), 'Cancelled' (with its run) or 'Lost'.
-- To a caller of another pipeline (NULL: of none) it is lost.
CREATE OR REPLACE FUNCTION headrace.beat(p_tenant text, p_task uuid, p_fence bigint, p_pipeline bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  v_state text;
  v_pool bigint;
BEGIN
  SELECT t.state, t.pool INTO v_state, v_pool FROM tasks t
  WHERE t.tenant = p_tenant AND t.id = p_task AND t.fence = p_fence AND (p_pipeline IS NULL OR EXISTS (
    SELECT FROM pools p WHERE p.tenant = p_tenant AND p.id = t.pool AND p.pipeline = p_pipeline));
  RETURN CASE v_state
    WHEN 'leased' THEN CASE WHEN pool_hold(p_tenant, v_pool) = 'HoldAndDrain' THEN 'Interrupt' ELSE 'Held' END
    WHEN 'cancelled' THEN 'Cancelled'
    ELSE 'Lost'
  END;
END
$$;
