-- Attempts that did not succeed, of many tenants; each item has its own outcome.
-- To a caller of another pipeline (NULL: of none) a task is as good as not there.
CREATE OR REPLACE FUNCTION headrace.fail(
  p_tenant text[], p_task uuid[], p_fence bigint[], p_by text[], p_action text[], p_class text[], p_message text[],
  p_jitter float8[], p_delay float8[], p_pipeline bigint[]
) RETURNS TABLE (n bigint, outcome text, finished boolean, pools bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
  v_tenant text;
  i record;
  t record;
  v_pipeline bigint;
BEGIN
  FOR v_tenant IN SELECT DISTINCT x COLLATE "C" FROM unnest(p_tenant) AS x ORDER BY 1 LOOP
    PERFORM set_config('headrace.tenant', v_tenant, true);
    PERFORM lock_tasks(v_tenant, p_task);
    FOR i IN
      SELECT * FROM unnest(p_tenant, p_task, p_fence, p_by, p_action, p_class, p_message, p_jitter, p_delay,
                             p_pipeline)
        WITH ORDINALITY AS x (tenant, task, fence, who, action, class, message, jitter, delay, pipeline, n)
      WHERE x.tenant = v_tenant ORDER BY x.n
    LOOP
      n := i.n;
      finished := false;
      pools := '{}';
      SELECT k.state, k.fence, k.finished_by, k.answer, k.pool, k.run INTO t
      FROM tasks k
      WHERE k.tenant = v_tenant AND k.id = i.task AND (i.pipeline IS NULL OR EXISTS (
        SELECT FROM pools p WHERE p.tenant = v_tenant AND p.id = k.pool AND p.pipeline = i.pipeline));
      IF t.finished_by = i.who THEN
        outcome := t.answer;
      ELSIF t.state = 'leased' AND t.fence = i.fence THEN
        SELECT s.outcome, s.ended INTO outcome, finished
        FROM settle(v_tenant, i.task, i.action, i.class, i.message, i.jitter, i.delay, i.who) AS s;
        IF finished THEN
          SELECT r.pipeline INTO v_pipeline FROM runs r WHERE r.tenant = v_tenant AND r.id = t.run;
          pools := promote(v_tenant, v_pipeline);
        END IF;
      ELSE
        outcome := 'Stale';
      END IF;
      IF outcome <> 'Stale' AND NOT finished THEN -- a retry too: the wake-up may have been lost with the answer
        SELECT CASE WHEN k.state = 'ready' THEN ARRAY[k.pool] ELSE '{}' END INTO pools
        FROM tasks k WHERE k.tenant = v_tenant AND k.id = i.task;
      END IF;
      RETURN NEXT;
    END LOOP;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.fail TO headrace_gateway;
