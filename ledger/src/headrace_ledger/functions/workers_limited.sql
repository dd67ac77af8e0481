-- Tenants that have a limit of workers, or had one until now, with the most of them (NULL: none is enforced) and their pools.
CREATE OR REPLACE FUNCTION headrace.workers_limited() RETURNS TABLE (tenant text, limited boolean, most bigint, pools bigint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
  SELECT t.tenant, bool_or(t.limited), tenant_most(t.tenant, 'workers'),
         ARRAY(SELECT p.id FROM pools p WHERE p.tenant = t.tenant ORDER BY p.id)
  FROM (
    SELECT l.tenant, true AS limited FROM limits l WHERE l.resource = 'workers'
    UNION ALL
    SELECT p.tenant, false FROM pools p WHERE p.workers_asked IS NOT NULL
  ) AS t
  GROUP BY t.tenant ORDER BY t.tenant
$$;
GRANT EXECUTE ON FUNCTION headrace.workers_limited TO headrace_gateway;
