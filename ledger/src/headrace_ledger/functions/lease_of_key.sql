-- The live lease that the key of a running step opens. The key alone names its tenant, so this looks across tenants.
CREATE OR REPLACE FUNCTION headrace.lease_of_key(p_key_hash bytea)
RETURNS TABLE (tenant text, task uuid, fence bigint, run uuid, step text, pipeline_uid text, digest text,
               traceparent text, parked_until timestamptz, park_reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT t.tenant, t.id, t.fence, t.run, s.name, l.uid, v.digest, r.traceparent, t.park_until, t.park_reason
  FROM tasks t
  JOIN runs r ON r.tenant = t.tenant AND r.id = t.run
  JOIN versions v ON v.tenant = t.tenant AND v.id = t.version
  JOIN steps s ON s.tenant = t.tenant AND s.version = t.version AND s.no = t.no
  JOIN pipelines l ON l.tenant = t.tenant AND l.id = r.pipeline
  WHERE t.key_hash = p_key_hash AND t.state = 'leased'
  LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION headrace.lease_of_key TO headrace_gateway;
