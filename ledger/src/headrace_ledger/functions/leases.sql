-- What a worker needs to run these leased tasks; a statement of its own, so that it sees this transaction's writes.
CREATE OR REPLACE FUNCTION headrace.leases(p_tenant text, p_tasks uuid[])
RETURNS TABLE (tenant text, task uuid, fence bigint, run uuid, step text, pool bigint, attempt smallint,
               key_hash bytea, digest text, input text, steps text[], outputs text[], traceparent text,
               lease_seconds float8, timeout_seconds float8)
LANGUAGE plpgsql STABLE SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT p_tenant, t.id, t.fence, t.run, s.name, t.pool, (t.attempts + 1)::smallint, t.key_hash, v.digest, i.input,
           o.names, o.documents, r.traceparent, 30::float8, greatest(extract(epoch FROM t.deadline - now()), 0)::float8
    FROM tasks t
    JOIN runs r ON r.tenant = p_tenant AND r.id = t.run
    JOIN versions v ON v.tenant = p_tenant AND v.id = t.version
    JOIN steps s ON s.tenant = p_tenant AND s.version = t.version AND s.no = t.no
    JOIN inputs i ON i.tenant = p_tenant AND i.run = t.run
    LEFT JOIN LATERAL (
      SELECT array_agg(d.name) AS names, array_agg(o.output) AS documents
      FROM outputs o JOIN steps d ON d.tenant = p_tenant AND d.version = t.version AND d.no = o.no
      WHERE o.tenant = p_tenant AND o.run = t.run
    ) AS o ON r.finished <> 0
    WHERE t.tenant = p_tenant AND t.id = ANY (p_tasks) AND t.state = 'leased';
END
$$;
GRANT EXECUTE ON FUNCTION headrace.leases TO headrace_gateway;
