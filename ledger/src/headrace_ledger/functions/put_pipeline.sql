-- A version of a pipeline with its pools and steps. The same digest again changes nothing but the policy.
-- A pool that is no longer named drains: it lives until no unfinished run can come to it (see the sweep).
CREATE OR REPLACE FUNCTION headrace.put_pipeline(
  p_tenant text, p_uid text, p_namespace text, p_name text, p_generation bigint, p_digest text, p_compiled text,
  p_account text, p_account_uid text, p_stop text, p_max_runs integer, p_max_attempts integer, p_backoff float8[],
  p_run_seconds float8, p_result_seconds float8, p_steps text[], p_types text[], p_step_pools text[], p_needs text[], p_timeouts float8[],
  p_pools text[], p_concurrency integer[], p_replicas integer[], p_objects text[],
  p_keys text[] DEFAULT '{}', p_key_limits integer[] DEFAULT '{}', p_key_policies text[] DEFAULT '{}'
) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_pipeline bigint;
  v_version bigint;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  INSERT INTO pipelines AS l (tenant, uid, namespace, name, generation, service_account, service_account_uid, stop_policy,
                              max_concurrent_runs, key_names, key_limits, key_policies)
  VALUES (p_tenant, p_uid, p_namespace, p_name, p_generation, p_account, p_account_uid, p_stop, p_max_runs,
          nullif(p_keys, '{}'), nullif(p_key_limits, '{}'), nullif(p_key_policies, '{}'))
  ON CONFLICT (tenant, uid) DO UPDATE
  SET generation = excluded.generation, service_account = excluded.service_account,
      service_account_uid = excluded.service_account_uid, stop_policy = excluded.stop_policy,
      max_concurrent_runs = excluded.max_concurrent_runs,
      keys_due = l.keys_due OR (l.key_names, l.key_limits) IS DISTINCT FROM (excluded.key_names, excluded.key_limits),
      key_names = excluded.key_names, key_limits = excluded.key_limits, key_policies = excluded.key_policies,
      -- Put again, it is wanted again: its tenant was made anew, or its namespace came back.
      deleting_since = NULL, deleted_at = NULL
  RETURNING l.id INTO v_pipeline;

  INSERT INTO pools (tenant, pipeline, name, concurrency_per_worker, max_replicas, scaled_object)
  SELECT p_tenant, v_pipeline, x.* FROM unnest(p_pools, p_concurrency, p_replicas, p_objects) AS x
  ON CONFLICT (tenant, pipeline, name) DO UPDATE
  SET concurrency_per_worker = excluded.concurrency_per_worker, max_replicas = excluded.max_replicas,
      scaled_object = excluded.scaled_object, draining = false;
  UPDATE pools p SET draining = true
  WHERE p.tenant = p_tenant AND p.pipeline = v_pipeline AND NOT p.name = ANY (p_pools);
  INSERT INTO pool_counts (tenant, pool, shard)
  SELECT p_tenant, p.id, g FROM pools p, generate_series(0, 7) AS g WHERE p.tenant = p_tenant AND p.pipeline = v_pipeline
  ON CONFLICT DO NOTHING;

  INSERT INTO versions (tenant, pipeline, digest, compiled, all_steps, first_steps, first_pools, first_counts, max_attempts,
                        backoff_initial_seconds, backoff_max_seconds, run_seconds, result_seconds)
  VALUES (p_tenant, v_pipeline, p_digest, p_compiled, 0, 0, '{}', '{}', p_max_attempts, p_backoff[1], p_backoff[2],
          p_run_seconds, p_result_seconds)
  ON CONFLICT (tenant, pipeline, digest) DO UPDATE SET retired = false
  RETURNING id INTO v_version;
  -- A pool that drained away and came back has a new id, so the steps are written again and point at it.
  INSERT INTO steps (tenant, version, no, name, type, pool, bit, needs, sink, timeout_seconds)
  SELECT p_tenant, v_version, x.no, x.name, x.type, p.id, 1::bigint << (x.no - 1)::int,
         coalesce((SELECT bit_or(1::bigint << (o.no - 1)::int) FROM unnest(p_steps) WITH ORDINALITY AS o (name, no)
                   WHERE o.name = ANY (string_to_array(x.needs, ','))), 0),
         NOT EXISTS (SELECT FROM unnest(p_needs) AS o (needs) WHERE x.name = ANY (string_to_array(o.needs, ','))),
         x.timeout
  FROM unnest(p_steps, p_types, p_step_pools, p_needs, p_timeouts) WITH ORDINALITY AS x (name, type, pool, needs, timeout, no)
  JOIN pools p ON p.tenant = p_tenant AND p.pipeline = v_pipeline AND p.name = x.pool
  ON CONFLICT (tenant, version, no) DO UPDATE SET pool = excluded.pool;
  UPDATE versions v
  SET all_steps = s.every, first_steps = f.steps, first_pools = f.pools, first_counts = f.counts
  FROM (SELECT bit_or(s.bit) AS every FROM steps s WHERE s.tenant = p_tenant AND s.version = v_version) AS s,
       (SELECT bit_or(x.bits) AS steps, array_agg(x.pool ORDER BY x.pool) AS pools, array_agg(x.n ORDER BY x.pool) AS counts
        FROM (SELECT s.pool, bit_or(s.bit) AS bits, count(*) AS n FROM steps s
              WHERE s.tenant = p_tenant AND s.version = v_version AND s.needs = 0 GROUP BY s.pool) AS x) AS f
  WHERE v.tenant = p_tenant AND v.id = v_version AND v.first_pools IS DISTINCT FROM f.pools;
  UPDATE pipelines l SET version = v_version WHERE l.tenant = p_tenant AND l.id = v_pipeline;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.put_pipeline TO headrace_operator;
