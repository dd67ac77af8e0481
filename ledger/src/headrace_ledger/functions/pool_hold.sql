-- What stops a pool: 'None', 'Hold' or 'HoldAndDrain', from tenant and pipeline; NULL if it is not there.
-- A pipeline that is being deleted is held: its running steps may end.
CREATE OR REPLACE FUNCTION headrace.pool_hold(p_tenant text, p_pool bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  v_hold text;
BEGIN
  SELECT CASE WHEN 'HoldAndDrain' IN (l.stop_policy, t.stop_policy) THEN 'HoldAndDrain'
              WHEN l.deleting_since IS NOT NULL OR 'Hold' IN (l.stop_policy, t.stop_policy) THEN 'Hold'
              ELSE 'None' END
  INTO v_hold
  FROM pools p
  JOIN pipelines l ON l.tenant = p_tenant AND l.id = p.pipeline
  LEFT JOIN tenants t ON t.tenant = p_tenant
  WHERE p.tenant = p_tenant AND p.id = p_pool;
  RETURN v_hold;
END
$$;
