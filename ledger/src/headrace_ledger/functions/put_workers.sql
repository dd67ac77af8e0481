-- How a tenant's workers are divided among its pools, all at once, so that the sum is within the limit at every moment.
-- Returns the pools for which that is news. Two gateways at once: the second leaves it to the first.
CREATE OR REPLACE FUNCTION headrace.put_workers(
  p_tenant text, p_pools bigint[], p_asked integer[], p_share integer[], p_granted integer[]
) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_changed bigint[];
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  IF NOT pg_try_advisory_xact_lock(hashtextextended('headrace.workers ' || p_tenant, 0)) THEN
    RETURN '{}';
  END IF;
  WITH changed AS (
    UPDATE pools p SET workers_asked = w.asked, workers_share = w.share, workers_granted = w.granted
    FROM unnest(p_pools, p_asked, p_share, p_granted) AS w (pool, asked, share, granted)
    WHERE p.tenant = p_tenant AND p.id = w.pool
      AND (p.workers_asked, p.workers_share, p.workers_granted) IS DISTINCT FROM (w.asked, w.share, w.granted)
    RETURNING p.id
  )
  SELECT coalesce(array_agg(c.id), '{}') INTO v_changed FROM changed c;
  RETURN v_changed;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.put_workers TO headrace_gateway;
