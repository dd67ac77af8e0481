-- One run, for people: with its input, and the outputs of the steps that nobody depends on.
CREATE OR REPLACE FUNCTION headrace.run(p_tenant text, p_run uuid)
RETURNS TABLE (tenant text, id uuid, namespace text, pipeline text, digest text, status text, input text,
               sinks text[], outputs text[], error_class text, message text, created_at timestamptz,
               started_at timestamptz, finished_at timestamptz, traceparent text, input_tokens bigint,
               output_tokens bigint, cost numeric, currency text,
               priority text, deadline timestamptz, waits text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT r.tenant, r.id, l.namespace, l.name, v.digest, r.status, i.input, o.names, o.documents, r.error_class, r.message,
           r.created_at, r.started_at, r.finished_at, r.traceparent, c.input_tokens, c.output_tokens, c.cost, c.currency,
           r.priority, r.deadline, CASE r.phase WHEN -1 THEN 'WaitingForKey' WHEN 0 THEN 'WaitingForConcurrency' END
    FROM runs r
    JOIN pipelines l ON l.tenant = p_tenant AND l.id = r.pipeline
    JOIN versions v ON v.tenant = p_tenant AND v.id = r.version
    JOIN inputs i ON i.tenant = p_tenant AND i.run = r.id
    CROSS JOIN LATERAL (
      SELECT array_agg(s.name ORDER BY s.no) AS names, array_agg(o.output ORDER BY s.no) AS documents
      FROM steps s LEFT JOIN outputs o ON o.tenant = p_tenant AND o.run = r.id AND o.no = s.no
      WHERE s.tenant = p_tenant AND s.version = r.version AND s.sink
    ) AS o
    CROSS JOIN LATERAL spent(p_tenant, r.id) AS c
    WHERE r.tenant = p_tenant AND r.id = p_run;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.run TO headrace_gateway;
