-- Cancel a run and everything unfinished in it; `pools` have what may begin in its place. Not done: not there, or over.
CREATE OR REPLACE FUNCTION headrace.cancel(p_tenant text, p_run uuid, OUT done boolean, OUT pools bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_pipeline bigint;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  SELECT r.pipeline INTO v_pipeline FROM runs r
  WHERE r.tenant = p_tenant AND r.id = p_run AND r.phase < 2 FOR UPDATE;
  IF NOT FOUND THEN
    done := false;
    pools := '{}';
    RETURN;
  END IF;
  PERFORM end_run(p_tenant, p_run, 'Cancelled', 'Cancelled', NULL);
  done := true;
  pools := promote(p_tenant, v_pipeline);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.cancel TO headrace_gateway;
