-- Cancel the oldest run of a key that has more open ones than it may have and whose limit says `CancelOldest`, and say
-- whether there was one; `pools` have what may begin in its place. One run per call, so that no two locks wait for each other.
CREATE OR REPLACE FUNCTION headrace.displace(p_tenant text, p_uid text, OUT done boolean, OUT pools bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  v_pipeline bigint;
  v_run uuid;
  v_name text;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  done := false;
  pools := '{}';
  SELECT p.id, o.run, o.name INTO v_pipeline, v_run, v_name
  FROM pipelines p
  CROSS JOIN unnest(p.key_names, p.key_limits, p.key_policies) AS l (name, most, policy)
  CROSS JOIN LATERAL (
    SELECT DISTINCT w.key FROM run_keys w WHERE w.tenant = p_tenant AND w.pipeline = p.id AND w.name = l.name AND NOT w.held
  ) AS w
  CROSS JOIN LATERAL (
    SELECT x.run, x.name FROM run_keys x
    WHERE x.tenant = p_tenant AND x.pipeline = p.id AND x.name = l.name AND x.key = w.key
    ORDER BY x.run DESC OFFSET l.most LIMIT 1000
  ) AS o
  WHERE p.tenant = p_tenant AND p.uid = p_uid AND l.policy = 'CancelOldest'
  ORDER BY o.run LIMIT 1;
  IF v_run IS NULL THEN
    RETURN;
  END IF;
  PERFORM FROM runs r WHERE r.tenant = p_tenant AND r.id = v_run AND r.phase < 2 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN -- it ends by itself at this moment; else the sweep comes back to it
    RETURN;
  END IF;
  PERFORM end_run(p_tenant, v_run, 'Cancelled', 'Cancelled',
                  format('a newer run of its key took its place, by limits.perKey ''%s''', v_name));
  done := true;
  pools := promote(p_tenant, v_pipeline);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.displace TO headrace_gateway;
