-- How many workers of a pool its limits can feed, and by which limit; NULL for as many as it may have.
CREATE OR REPLACE FUNCTION headrace.put_feed(p_tenant text, p_pool bigint, p_workers integer, p_by text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  UPDATE pools p SET workers_fed = p_workers, workers_fed_by = p_by
  WHERE p.tenant = p_tenant AND p.id = p_pool AND (p.workers_fed, p.workers_fed_by) IS DISTINCT FROM (p_workers, p_by);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.put_feed TO headrace_gateway;
