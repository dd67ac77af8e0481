-- What a tenant's model calls have used and cost from one midnight of UTC to another, by pipeline, step, model, run or tenant.
-- One row per key and currency, since currencies do not add up; no currency: calls without a price. Calls of forgotten runs
-- are in `spend`, by whole days; which run they were of is forgotten too, and so is a pipeline without any run (an empty key).
CREATE OR REPLACE FUNCTION headrace.costs(p_tenant text, p_since timestamptz, p_until timestamptz, p_by text)
RETURNS TABLE (key text, currency text, calls bigint, input_tokens bigint, cached_input_tokens bigint, output_tokens bigint,
               reasoning_tokens bigint, cost numeric)
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  IF p_by NOT IN ('pipeline', 'step', 'model', 'run', 'tenant') THEN
    RAISE EXCEPTION 'costs are by pipeline, step, model, run or tenant, not by %', p_by USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT x.key, x.currency, sum(x.calls)::bigint, sum(x.input_tokens)::bigint, sum(x.cached_input_tokens)::bigint,
           sum(x.output_tokens)::bigint, sum(x.reasoning_tokens)::bigint, sum(x.cost)
    FROM (
      SELECT CASE p_by WHEN 'pipeline' THEN coalesce(l.namespace || '/' || l.name, '')
                       WHEN 'step' THEN coalesce(l.namespace || '/' || l.name || '/' || c.step, '') WHEN 'model' THEN c.provider || '/' || c.model
                       WHEN 'run' THEN c.run::text ELSE p_tenant END AS key,
             CASE WHEN c.cost IS NOT NULL THEN c.currency END AS currency, 1 AS calls, c.input_tokens, c.cached_input_tokens,
             c.output_tokens, c.reasoning_tokens, c.cost
      FROM calls c
      LEFT JOIN runs r ON c.pipeline IS NULL AND r.tenant = p_tenant AND r.id = c.run -- a call of before 0005
      LEFT JOIN pipelines l ON l.tenant = p_tenant AND l.id = coalesce(c.pipeline, r.pipeline)
      WHERE c.tenant = p_tenant AND c.at >= p_since AND c.at < p_until
      UNION ALL
      SELECT CASE p_by WHEN 'pipeline' THEN CASE WHEN s.pipeline = '' THEN '' ELSE s.namespace || '/' || s.pipeline END
                       WHEN 'step' THEN CASE WHEN '' IN (s.pipeline, s.step) THEN '' ELSE s.namespace || '/' || s.pipeline || '/' || s.step END
                       WHEN 'model' THEN s.provider || '/' || s.model WHEN 'run' THEN '' ELSE p_tenant END,
             nullif(s.currency, ''), s.calls, s.input_tokens, s.cached_input_tokens, s.output_tokens, s.reasoning_tokens,
             CASE WHEN s.currency <> '' THEN s.cost END
      FROM spend s
      WHERE s.tenant = p_tenant AND s.day >= (p_since AT TIME ZONE 'UTC')::date AND s.day < (p_until AT TIME ZONE 'UTC')::date
    ) AS x
    GROUP BY x.key, x.currency ORDER BY x.key, x.currency;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.costs TO headrace_gateway;
