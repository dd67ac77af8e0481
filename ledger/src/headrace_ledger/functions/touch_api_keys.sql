-- Note that keys were used, at most once a minute each, however many gateways say so.
CREATE OR REPLACE FUNCTION headrace.touch_api_keys(p_tenant text[], p_id text[]) RETURNS integer
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_one record;
  v_done integer := 0;
BEGIN
  -- In one order for everybody, so that two gateways never wait for each other.
  FOR v_one IN SELECT u.tenant, u.id FROM unnest(p_tenant, p_id) AS u (tenant, id)
               ORDER BY u.tenant COLLATE "C", u.id COLLATE "C" LOOP
    PERFORM set_config('headrace.tenant', v_one.tenant, true);
    UPDATE api_keys k SET last_used_at = now()
    WHERE k.tenant = v_one.tenant AND k.id = v_one.id
      AND (k.last_used_at IS NULL OR k.last_used_at <= now() - interval '1 minute');
    IF FOUND THEN
      v_done := v_done + 1;
    END IF;
  END LOOP;
  RETURN v_done;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.touch_api_keys TO headrace_gateway;
