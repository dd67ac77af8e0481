-- How many steps of all tenants wait for each limit that they share; up to a thousand of each tenant. Numbers only.
CREATE OR REPLACE FUNCTION headrace.queued_on_platform() RETURNS TABLE (limit_id bigint, waiting bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
  SELECT q.park_limit, sum(w.waiting)::bigint FROM queued_limits() AS q
  JOIN limits l ON l.tenant = '_platform' AND l.id = q.park_limit
  CROSS JOIN LATERAL (SELECT count(*) AS waiting FROM (
    SELECT FROM tasks t WHERE t.tenant = q.tenant AND t.state = 'parked' AND t.park_limit = q.park_limit LIMIT 1000) AS x) AS w
  GROUP BY 1
$$;
GRANT EXECUTE ON FUNCTION headrace.queued_on_platform TO headrace_gateway, headrace_operator;
