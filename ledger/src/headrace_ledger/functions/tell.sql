-- Write one event of a run that this transaction has locked; `seq` rises by one with no gap.
CREATE OR REPLACE FUNCTION headrace.tell(p_tenant text, p_run uuid, p_type text, p_step text, p_data text) RETURNS void
LANGUAGE sql SET search_path = headrace, pg_temp AS $$
  WITH next AS (
    UPDATE runs r SET seq = r.seq + 1 WHERE r.tenant = p_tenant AND r.id = p_run RETURNING r.seq
  )
  INSERT INTO events (tenant, run, seq, type, step, data) SELECT p_tenant, p_run, n.seq, p_type, p_step, p_data FROM next n
$$;
