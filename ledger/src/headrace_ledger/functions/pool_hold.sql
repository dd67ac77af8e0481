-- What stops a pool: 'None', 'Hold' or 'HoldAndDrain', from tenant and pipeline; NULL if it is not there.
-- A pipeline that is being deleted is held: its running steps may end.
CREATE OR REPLACE FUNCTION headrace.pool_hold(p_tenant text, p_pool bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  v_policy text;
  v_deleting boolean;
BEGIN
  SELECT l.stop_policy, l.deleting_since IS NOT NULL INTO v_policy, v_deleting
  FROM pools p JOIN pipelines l ON l.tenant = p_tenant AND l.id = p.pipeline
  WHERE p.tenant = p_tenant AND p.id = p_pool;
  IF NOT FOUND OR v_policy = 'HoldAndDrain' THEN
    RETURN v_policy;
  END IF;
  RETURN (SELECT CASE WHEN t.stop_policy = 'HoldAndDrain' THEN 'HoldAndDrain'
                      WHEN v_deleting OR v_policy = 'Hold' OR t.stop_policy = 'Hold' THEN 'Hold' ELSE 'None' END
          FROM (SELECT max(t.stop_policy) AS stop_policy FROM tenants t WHERE t.tenant = p_tenant) AS t);
END
$$;
