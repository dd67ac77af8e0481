-- Lock the runs of these tasks and then the tasks, each in id order: the order that every verb keeps.
CREATE OR REPLACE FUNCTION headrace.lock_tasks(p_tenant text, p_tasks uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
BEGIN
  PERFORM FROM runs r
  WHERE r.tenant = p_tenant AND r.id = ANY (ARRAY(
    SELECT t.run FROM tasks t WHERE t.tenant = p_tenant AND t.id = ANY (p_tasks) AND t.state = 'leased'))
  ORDER BY r.id FOR UPDATE;
  PERFORM FROM tasks t
  WHERE t.tenant = p_tenant AND t.id = ANY (p_tasks) AND t.state = 'leased'
  ORDER BY t.id FOR UPDATE;
END
$$;
