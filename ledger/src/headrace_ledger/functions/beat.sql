-- Whether a lease still stands: 'Held', 'Interrupt' (HoldAndDrain), 'Cancelled' (with its run) or 'Lost'.
CREATE OR REPLACE FUNCTION headrace.beat(p_tenant text, p_task uuid, p_fence bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = headrace, pg_temp AS $$
  SELECT coalesce((
    SELECT CASE t.state
      WHEN 'leased' THEN CASE WHEN pool_hold(p_tenant, t.pool) = 'HoldAndDrain' THEN 'Interrupt' ELSE 'Held' END
      WHEN 'cancelled' THEN 'Cancelled'
      ELSE 'Lost'
    END
    FROM tasks t WHERE t.tenant = p_tenant AND t.id = p_task AND t.fence = p_fence
  ), 'Lost')
$$;
