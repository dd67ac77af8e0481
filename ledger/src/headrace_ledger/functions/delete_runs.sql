-- Forget finished runs whose ttl is over, with all that belongs to them; what their calls cost goes on in `spend`.
CREATE OR REPLACE FUNCTION headrace.delete_runs(p_tenant text, p_runs uuid[]) RETURNS integer
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_runs uuid[];
  v_pools bigint[];
  v_dead bigint[];
BEGIN
  v_runs := ARRAY(SELECT r.id FROM runs r
                  WHERE r.tenant = p_tenant AND r.id = ANY (p_runs) AND r.phase >= 2 AND r.due_at < now()
                  ORDER BY r.id FOR UPDATE SKIP LOCKED);
  -- A task whose claim has not noticed the end of its run yet keeps the run for one more turn.
  v_runs := ARRAY(SELECT x FROM unnest(v_runs) AS x WHERE NOT EXISTS (
    SELECT FROM tasks t WHERE t.tenant = p_tenant AND t.id = ANY (task_ids(p_tenant, x)) AND t.state IN ('waiting', 'ready', 'leased', 'parked')));
  WITH gone AS (
    DELETE FROM tasks t
    WHERE t.tenant = p_tenant AND t.id = ANY (ARRAY(SELECT unnest(task_ids(p_tenant, x)) FROM unnest(v_runs) AS x))
    RETURNING t.pool, t.state
  ), summed AS (
    SELECT g.pool, count(*) AS n FROM gone g WHERE g.state = 'dead' GROUP BY g.pool
  )
  SELECT coalesce(array_agg(s.pool), '{}'), coalesce(array_agg(-s.n), '{}') INTO v_pools, v_dead FROM summed s;
  PERFORM tally(p_tenant, v_pools, array_fill(0::bigint, ARRAY[cardinality(v_pools)]),
                array_fill(0::bigint, ARRAY[cardinality(v_pools)]), array_fill(0::bigint, ARRAY[cardinality(v_pools)]), v_dead);
  DELETE FROM inputs x WHERE x.tenant = p_tenant AND x.run = ANY (v_runs);
  DELETE FROM outputs x WHERE x.tenant = p_tenant AND x.run = ANY (v_runs);
  DELETE FROM events x WHERE x.tenant = p_tenant AND x.run = ANY (v_runs);
  DELETE FROM buckets x WHERE x.tenant = p_tenant AND x.subject = ANY (v_runs);
  WITH gone AS ( -- one statement, so that no call can come between the sum and the end
    DELETE FROM calls x WHERE x.tenant = p_tenant AND x.run = ANY (v_runs) RETURNING x.*
  )
  INSERT INTO spend AS s (tenant, day, namespace, pipeline, step, provider, model, currency, calls, input_tokens,
                          cached_input_tokens, output_tokens, reasoning_tokens, cost)
  SELECT p_tenant, (g.at AT TIME ZONE 'UTC')::date, coalesce(l.namespace, ''), coalesce(l.name, ''), g.step, g.provider, g.model,
         CASE WHEN g.cost IS NULL THEN '' ELSE coalesce(g.currency, '') END, count(*), sum(g.input_tokens),
         sum(g.cached_input_tokens), sum(g.output_tokens), sum(g.reasoning_tokens), coalesce(sum(g.cost), 0)
  FROM gone g
  JOIN runs r ON r.tenant = p_tenant AND r.id = g.run
  LEFT JOIN pipelines l ON l.tenant = p_tenant AND l.id = r.pipeline
  GROUP BY 2, 3, 4, 5, 6, 7, 8
  ON CONFLICT (tenant, day, namespace, pipeline, step, provider, model, currency) DO UPDATE
  SET calls = s.calls + excluded.calls, input_tokens = s.input_tokens + excluded.input_tokens,
      cached_input_tokens = s.cached_input_tokens + excluded.cached_input_tokens,
      output_tokens = s.output_tokens + excluded.output_tokens,
      reasoning_tokens = s.reasoning_tokens + excluded.reasoning_tokens, cost = s.cost + excluded.cost;
  DELETE FROM runs r WHERE r.tenant = p_tenant AND r.id = ANY (v_runs);
  RETURN cardinality(v_runs);
END
$$;
