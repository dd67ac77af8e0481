-- The limits that some parked task waits for, per tenant: a walk from one to the next, not over the tasks.
CREATE OR REPLACE FUNCTION headrace.queued_limits() RETURNS TABLE (tenant text, park_limit bigint)
LANGUAGE sql STABLE SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
  WITH RECURSIVE walk AS (
    (SELECT t.tenant, t.park_limit FROM tasks t WHERE t.state = 'parked' AND t.park_limit IS NOT NULL
     ORDER BY t.tenant, t.park_limit LIMIT 1)
    UNION ALL
    SELECT f.tenant, f.park_limit FROM walk w CROSS JOIN LATERAL (
      SELECT t.tenant, t.park_limit FROM tasks t
      WHERE t.state = 'parked' AND t.park_limit IS NOT NULL AND (t.tenant, t.park_limit) > (w.tenant, w.park_limit)
      ORDER BY t.tenant, t.park_limit LIMIT 1) AS f
  )
  SELECT w.tenant, w.park_limit FROM walk w
$$;
