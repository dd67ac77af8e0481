-- The steps of a run, those included that are not due yet: they have no task, and wait.
CREATE OR REPLACE FUNCTION headrace.steps_of(p_tenant text, p_run uuid)
RETURNS TABLE (step text, state text, attempt integer, losses integer, ready_at timestamptz, error_class text, message text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
  v_ids uuid[];
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  v_ids := task_ids(p_tenant, p_run);
  RETURN QUERY
    SELECT s.name,
           coalesce(t.state, CASE WHEN r.finished_at IS NULL THEN 'waiting' ELSE 'cancelled' END)::text,
           CASE WHEN t.state IN ('ready', 'leased', 'parked', 'done', 'cancelled') THEN t.attempts + 1
                ELSE coalesce(t.attempts, 0) END::integer,
           coalesce(t.losses, 0)::integer, t.ready_at, t.error_class, t.message
    FROM runs r
    JOIN steps s ON s.tenant = p_tenant AND s.version = r.version
    -- Not `t.id = task_id(…)`: a function that may leak is no index condition under row-level security.
    LEFT JOIN tasks t ON t.tenant = p_tenant AND t.id = ANY (v_ids) AND t.no = s.no
    WHERE r.tenant = p_tenant AND r.id = p_run
    ORDER BY s.no;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.steps_of TO headrace_gateway;
