-- The ids of every task that a run has or can have.
CREATE OR REPLACE FUNCTION headrace.task_ids(p_tenant text, p_run uuid) RETURNS uuid[]
LANGUAGE plpgsql STABLE SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
BEGIN
  RETURN ARRAY(SELECT task_id(r.id, s.no) FROM runs r JOIN steps s ON s.tenant = p_tenant AND s.version = r.version
               WHERE r.tenant = p_tenant AND r.id = p_run);
END
$$;
