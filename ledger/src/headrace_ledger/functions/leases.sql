-- What a worker needs to run these leased tasks. Bound to its tables and without settings of its own, so that the
-- planner puts it into the statement that asks; it sees what was written before that statement.
CREATE OR REPLACE FUNCTION headrace.leases(p_tenant text, p_tasks uuid[])
RETURNS TABLE (tenant text, task uuid, fence bigint, run uuid, step text, pool bigint, attempt smallint,
               key_hash bytea, digest text, input text, steps text[], outputs text[], traceparent text,
               lease_seconds float8, timeout_seconds float8)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT t.tenant, t.id, t.fence, t.run, s.name, t.pool, (t.attempts + 1)::smallint, t.key_hash, v.digest, i.input,
         o.names, o.documents, r.traceparent, 30::float8, greatest(extract(epoch FROM t.deadline - now()), 0)::float8
  FROM headrace.tasks t
  JOIN headrace.runs r ON r.tenant = t.tenant AND r.id = t.run
  JOIN headrace.versions v ON v.tenant = t.tenant AND v.id = t.version
  JOIN headrace.steps s ON s.tenant = t.tenant AND s.version = t.version AND s.no = t.no
  JOIN headrace.inputs i ON i.tenant = t.tenant AND i.run = t.run
  LEFT JOIN LATERAL (
    SELECT array_agg(d.name) AS names, array_agg(o.output) AS documents
    FROM headrace.outputs o JOIN headrace.steps d ON d.tenant = t.tenant AND d.version = t.version AND d.no = o.no
    WHERE o.tenant = t.tenant AND o.run = t.run
  ) AS o ON r.finished <> 0
  WHERE t.tenant = p_tenant AND t.id = ANY (p_tasks) AND t.state = 'leased';
END;
GRANT EXECUTE ON FUNCTION headrace.leases TO headrace_gateway;
