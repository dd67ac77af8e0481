-- Keep a finished call. Under a stale fence it is spend and nothing more; a failed one is never given again.
CREATE OR REPLACE FUNCTION headrace.record_call(
  p_tenant text, p_task uuid, p_fence bigint, p_run uuid, p_step text, p_request_hash bytea, p_idx integer,
  p_provider text, p_model text, p_status integer, p_response bytea, p_streamed boolean, p_input_tokens bigint,
  p_output_tokens bigint, p_cost numeric, p_currency text, p_duration_ms bigint
) RETURNS boolean
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_attempts smallint;
  v_good boolean;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  SELECT t.attempts INTO v_attempts FROM tasks t
  WHERE t.tenant = p_tenant AND t.id = p_task AND t.fence = p_fence AND t.state = 'leased' FOR UPDATE;
  v_good := FOUND;
  INSERT INTO calls (tenant, run, step, request_hash, idx, attempt, live, task, fence, provider, model, status, streamed,
                     input_tokens, output_tokens, cost, currency, duration_ms, response)
  VALUES (p_tenant, p_run, p_step, p_request_hash, p_idx, coalesce(v_attempts, 0), v_good AND p_status < 400, p_task, p_fence,
          p_provider, p_model, p_status, p_streamed, p_input_tokens, p_output_tokens, p_cost, p_currency, p_duration_ms,
          p_response)
  ON CONFLICT DO NOTHING; -- the same call recorded twice: its answer was lost on the way
  IF v_good AND p_status < 400 THEN
    UPDATE tasks t SET idle_parks = 0 WHERE t.tenant = p_tenant AND t.id = p_task AND t.idle_parks <> 0;
  END IF;
  RETURN v_good;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.record_call TO headrace_gateway;
