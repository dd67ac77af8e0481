-- The limits that calls of a tenant may meet: its own, its pipelines' and the providers'. What limits runs and workers is none of them.
CREATE OR REPLACE FUNCTION headrace.limits_of(p_tenant text)
RETURNS TABLE (tenant text, id bigint, owner text, name text, resource text, period text, capacity bigint, enforced boolean, spec text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  RETURN QUERY SELECT l.tenant, l.id, l.owner, l.name, l.resource, l.period, l.capacity, l.enforced, l.spec FROM limits l
               WHERE l.tenant = '_platform' ORDER BY l.id;
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY SELECT l.tenant, l.id, l.owner, l.name, l.resource, l.period, l.capacity, l.enforced, l.spec FROM limits l
               WHERE l.tenant = p_tenant AND l.resource NOT IN ('runs', 'workers') ORDER BY l.id;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.limits_of TO headrace_gateway;
