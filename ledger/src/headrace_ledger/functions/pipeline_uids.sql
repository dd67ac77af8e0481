-- What the resync compares with the cluster: every pipeline that has not been deleted here.
CREATE OR REPLACE FUNCTION headrace.pipeline_uids() RETURNS TABLE (tenant text, uid text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT l.tenant, l.uid FROM pipelines l WHERE l.deleted_at IS NULL ORDER BY l.tenant, l.id
$$;
GRANT EXECUTE ON FUNCTION headrace.pipeline_uids TO headrace_operator;
