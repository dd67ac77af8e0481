CREATE OR REPLACE FUNCTION headrace.delete_provider(p_name text, p_uid text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  DELETE FROM providers p WHERE p.tenant = '_platform' AND p.name = p_name AND p.uid = p_uid;
  IF FOUND THEN
    PERFORM forget_learnt(p_name);
    DELETE FROM limit_sets s WHERE s.tenant = '_platform' AND s.owner = 'provider/' || p_name;
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.delete_provider TO headrace_operator;
