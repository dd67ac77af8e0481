-- The most of something ('runs', 'workers') that a tenant may have at once; NULL for no limit. The strictest counts.
CREATE OR REPLACE FUNCTION headrace.tenant_most(p_tenant text, p_resource text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
  RETURN (SELECT min(l.capacity) FROM limits l
          WHERE l.tenant = p_tenant AND l.owner = 'tenant' AND l.resource = p_resource AND l.enforced);
END
$$;
