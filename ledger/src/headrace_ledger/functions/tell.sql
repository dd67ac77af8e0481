-- Write one event of a run that this transaction has locked; `seq` rises by one with no gap.
CREATE OR REPLACE FUNCTION headrace.tell(p_tenant text, p_run uuid, p_type text, p_no smallint, p_data text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_seq integer;
BEGIN
  UPDATE runs r SET seq = r.seq + 1 WHERE r.tenant = p_tenant AND r.id = p_run RETURNING r.seq INTO v_seq;
  INSERT INTO events (tenant, run, seq, no, type, data) VALUES (p_tenant, p_run, v_seq, p_no, p_type, p_data);
END
$$;
