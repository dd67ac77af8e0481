-- What of a tenant's runs or workers there is at once, and what waits for its place (counted up to a thousand runs);
-- NULL for what calls use.
CREATE OR REPLACE FUNCTION headrace.held(p_tenant text, p_resource text, OUT used bigint, OUT waiting bigint)
LANGUAGE plpgsql STABLE SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF p_resource = 'runs' THEN
    SELECT coalesce(sum(o.n), 0) INTO used FROM pipelines l CROSS JOIN LATERAL (
      SELECT count(*) AS n FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = l.id AND r.phase = 1) AS o
    WHERE l.tenant = p_tenant;
    SELECT count(*) INTO waiting FROM (
      SELECT FROM pipelines l JOIN runs r ON r.tenant = p_tenant AND r.pipeline = l.id AND r.phase = 0
      WHERE l.tenant = p_tenant LIMIT 1000) AS w;
  ELSIF p_resource = 'workers' THEN
    SELECT coalesce(sum(coalesce(p.workers_granted, p.workers_asked)), 0),
           coalesce(sum(greatest(p.workers_asked - p.workers_granted, 0)), 0)
    INTO used, waiting FROM pools p WHERE p.tenant = p_tenant;
  END IF;
END
$$;
