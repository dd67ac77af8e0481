-- So many workers of these pools are ready: add up the time since the last count, for the workers that there were then, at what
-- one costs an hour. So a worker is counted too long by what it is counted too late, on average. What was not counted for 90 s
-- is left out, since nobody knows what was in between; two who count at once add nothing twice.
CREATE OR REPLACE FUNCTION headrace.count_workers(
  p_tenant text, p_uid text[], p_pool text[], p_ready integer[], p_hourly numeric[], p_currency text
) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  WITH found AS MATERIALIZED (
    SELECT p.id, l.namespace, l.name AS pipeline, p.name AS pool, i.ready, i.hourly, n.at, p.counted AS before,
           CASE WHEN n.at - p.counted_at < interval '90 s' THEN greatest(extract(epoch FROM n.at - p.counted_at), 0) ELSE 0 END AS seconds
    FROM unnest(p_uid, p_pool, p_ready, p_hourly) AS i (uid, pool, ready, hourly)
    JOIN pipelines l ON l.tenant = p_tenant AND l.uid = i.uid
    JOIN pools p ON p.tenant = p_tenant AND p.pipeline = l.id AND p.name = i.pool
    CROSS JOIN (SELECT now() AS at) AS n
    ORDER BY p.id FOR UPDATE OF p
  ), counted AS (
    UPDATE pools p SET counted_at = f.at, counted = f.ready FROM found f WHERE p.tenant = p_tenant AND p.id = f.id
  )
  INSERT INTO worker_time AS w (tenant, day, namespace, pipeline, pool, currency, seconds, cost)
  SELECT p_tenant, (f.at AT TIME ZONE 'UTC')::date, f.namespace, f.pipeline, f.pool, p_currency, sum(f.before * f.seconds),
         sum(f.before * f.seconds * f.hourly / 3600)
  FROM found f WHERE f.before > 0 AND f.seconds > 0
  GROUP BY 2, 3, 4, 5
  ON CONFLICT (tenant, day, namespace, pipeline, pool, currency) DO UPDATE
  SET seconds = w.seconds + excluded.seconds, cost = w.cost + excluded.cost;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.count_workers TO headrace_operator;
