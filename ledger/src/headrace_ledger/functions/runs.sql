-- A page of runs of a pipeline, youngest first, by name: those of an earlier object of this name included.
-- `runs_by_pipeline` holds each phase in order, so a page is the first rows of each phase that has such a status; only
-- what is open is told apart row by row.
CREATE OR REPLACE FUNCTION headrace.runs(
  p_tenant text, p_namespace text, p_pipeline text, p_status text, p_before uuid, p_limit integer
) RETURNS TABLE (tenant text, id uuid, namespace text, pipeline text, digest text, status text, error_class text,
                 message text, created_at timestamptz, started_at timestamptz, finished_at timestamptz, traceparent text,
                 input_tokens bigint, output_tokens bigint, cost numeric, currency text,
                 priority text, deadline timestamptz, waits text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
  v_phases smallint[] := CASE p_status WHEN 'Pending' THEN '{-1,0,1}' WHEN 'Running' THEN '{1}' WHEN 'Succeeded' THEN '{2}'
                                       WHEN 'Failed' THEN '{3}' WHEN 'Cancelled' THEN '{4}' ELSE '{-1,0,1,2,3,4}' END;
  -- Under row-level security an expression in its place would be no index condition.
  v_before uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT r.tenant, r.id, l.namespace, l.name, v.digest, r.status, r.error_class, r.message, r.created_at, r.started_at,
           r.finished_at, r.traceparent, c.input_tokens, c.output_tokens, c.cost, c.currency,
           r.priority, r.deadline, CASE r.phase WHEN -1 THEN 'WaitingForKey' WHEN 0 THEN 'WaitingForConcurrency' END
    FROM (
      SELECT r.* FROM pipelines l
      CROSS JOIN unnest(v_phases) AS h (phase)
      CROSS JOIN LATERAL (
        SELECT r.* FROM runs r
        WHERE r.tenant = p_tenant AND r.pipeline = l.id AND r.phase = h.phase AND (p_status IS NULL OR r.status = p_status)
          AND r.id < v_before
        ORDER BY r.id DESC LIMIT p_limit
      ) AS r
      WHERE l.tenant = p_tenant AND l.namespace = p_namespace AND l.name = p_pipeline
      ORDER BY r.id DESC LIMIT p_limit
    ) AS r
    JOIN pipelines l ON l.tenant = p_tenant AND l.id = r.pipeline
    JOIN versions v ON v.tenant = p_tenant AND v.id = r.version
    CROSS JOIN LATERAL spent(p_tenant, r.id) AS c
    ORDER BY r.id DESC;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.runs TO headrace_gateway;
