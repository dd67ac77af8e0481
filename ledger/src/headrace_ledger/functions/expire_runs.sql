-- End runs that are past their longest duration or their deadline; return the pools of runs that may start instead.
CREATE OR REPLACE FUNCTION headrace.expire_runs(p_tenant text, p_runs uuid[], OUT ended integer, OUT pools bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  r record;
BEGIN
  ended := 0;
  pools := '{}';
  FOR r IN
    SELECT x.id, x.pipeline, x.deadline = x.due_at AS promised FROM runs x
    WHERE x.tenant = p_tenant AND x.id = ANY (p_runs) AND x.phase < 2 AND x.due_at < now()
    ORDER BY x.id FOR UPDATE SKIP LOCKED
  LOOP
    PERFORM end_run(p_tenant, r.id, 'Failed', 'Timeout',
                    CASE WHEN r.promised THEN 'the run was not over by its deadline'
                         ELSE 'the run took longer than its longest duration' END);
    pools := pools || promote(p_tenant, r.pipeline);
    ended := ended + 1;
  END LOOP;
END
$$;
