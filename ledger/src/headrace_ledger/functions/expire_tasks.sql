-- Hand on leases that ran out, and end steps that are past their timeout. What was marked becomes its park.
CREATE OR REPLACE FUNCTION headrace.expire_tasks(p_tenant text, p_tasks uuid[], OUT expired integer, OUT timed_out integer,
                                                 OUT pools bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  t record;
  v_ended boolean;
  v_pipeline bigint;
  v_late boolean;
BEGIN
  expired := 0;
  timed_out := 0;
  pools := '{}';
  PERFORM lock_tasks(p_tenant, p_tasks);
  FOR t IN
    SELECT k.id, k.run, k.pool, k.deadline FROM tasks k
    WHERE k.tenant = p_tenant AND k.id = ANY (p_tasks) AND k.state = 'leased'
      AND (k.lease_until < now() OR k.deadline < now() - interval '5 s')
    ORDER BY k.id
  LOOP
    -- Its run may have ended two turns of this loop ago.
    CONTINUE WHEN NOT EXISTS (SELECT FROM tasks k WHERE k.tenant = p_tenant AND k.id = t.id AND k.state = 'leased');
    v_late := t.deadline < now() - interval '5 s';
    SELECT s.ended INTO v_ended
    FROM settle(p_tenant, t.id, CASE WHEN v_late THEN 'Retry' ELSE 'Resume' END,
                CASE WHEN v_late THEN 'Timeout' ELSE 'WorkerLost' END,
                CASE WHEN v_late THEN 'the step took longer than its timeout' ELSE 'the lease ran out' END,
                random(), NULL, NULL) AS s;
    expired := expired + (NOT v_late)::int;
    timed_out := timed_out + v_late::int;
    IF v_ended THEN
      SELECT r.pipeline INTO v_pipeline FROM runs r WHERE r.tenant = p_tenant AND r.id = t.run;
      pools := pools || promote(p_tenant, v_pipeline);
    ELSE
      pools := pools || t.pool;
    END IF;
  END LOOP;
END
$$;
