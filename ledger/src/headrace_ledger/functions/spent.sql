-- What a run's model calls have used. No cost where currencies are mixed: they do not add up.
CREATE OR REPLACE FUNCTION headrace.spent(
  p_tenant text, p_run uuid, OUT input_tokens bigint, OUT output_tokens bigint, OUT cost numeric, OUT currency text
)
LANGUAGE sql STABLE SET search_path = headrace, pg_temp AS $$
  SELECT coalesce(sum(c.input_tokens), 0)::bigint, coalesce(sum(c.output_tokens), 0)::bigint,
         CASE WHEN count(DISTINCT c.currency) = 1 THEN sum(c.cost) END,
         CASE WHEN count(DISTINCT c.currency) = 1 THEN min(c.currency) END
  FROM calls c WHERE c.tenant = p_tenant AND c.run = p_run
$$;
