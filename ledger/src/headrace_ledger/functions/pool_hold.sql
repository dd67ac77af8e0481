-- What stops a pool: 'None', 'Hold' or 'HoldAndDrain', from tenant and pipeline; NULL if it is not there.
-- A pipeline that is being deleted is held: its running steps may end.
CREATE OR REPLACE FUNCTION headrace.pool_hold(p_tenant text, p_pool bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = headrace, pg_temp AS $$
  SELECT CASE
    WHEN 'HoldAndDrain' IN (l.stop_policy, t.stop_policy) THEN 'HoldAndDrain'
    WHEN 'Hold' IN (l.stop_policy, t.stop_policy) OR l.deleting_since IS NOT NULL THEN 'Hold'
    ELSE 'None'
  END
  FROM pools p
  JOIN pipelines l ON l.tenant = p.tenant AND l.id = p.pipeline
  LEFT JOIN tenants t ON t.tenant = p.tenant
  WHERE p.tenant = p_tenant AND p.id = p_pool
$$;
