-- Keep a finished call. Under a stale fence it is spend and nothing more; a failed one is never given again.
-- The defaults are for a gateway of before 0005, which is still there while a new one comes.
-- Two gateways may give equal calls of a step the same number: the later one gets the next, so both are kept.
CREATE OR REPLACE FUNCTION headrace.record_call(
  p_id uuid, p_tenant text, p_task uuid, p_fence bigint, p_run uuid, p_step text, p_request_hash bytea, p_idx integer,
  p_provider text, p_model text, p_status integer, p_response bytea, p_streamed boolean, p_input_tokens bigint,
  p_output_tokens bigint, p_cost numeric, p_currency text, p_duration_ms bigint, p_cached_input_tokens bigint DEFAULT 0,
  p_reasoning_tokens bigint DEFAULT 0, p_price_version text DEFAULT NULL, p_estimated boolean DEFAULT false
) RETURNS boolean
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_attempts smallint;
  v_good boolean;
  v_idx integer := p_idx;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  SELECT t.attempts INTO v_attempts FROM tasks t
  WHERE t.tenant = p_tenant AND t.id = p_task AND t.fence = p_fence AND t.state = 'leased' FOR UPDATE;
  v_good := FOUND;
  WHILE v_good AND EXISTS ( -- nobody else writes here: the task is locked
    SELECT FROM calls c
    WHERE c.tenant = p_tenant AND c.run = p_run AND c.step = p_step AND c.attempt = v_attempts
      AND c.request_hash = p_request_hash AND c.idx = v_idx AND c.live AND c.id <> p_id)
  LOOP
    v_idx := v_idx + 1;
  END LOOP;
  INSERT INTO calls (tenant, id, run, step, request_hash, idx, attempt, live, task, fence, provider, model, status, streamed,
                     input_tokens, output_tokens, cost, currency, duration_ms, response, cached_input_tokens, reasoning_tokens,
                     price_version, estimated, pipeline)
  VALUES (p_tenant, p_id, p_run, p_step, p_request_hash, v_idx, coalesce(v_attempts, 0), v_good AND p_status < 400, p_task, p_fence,
          p_provider, p_model, p_status, p_streamed, p_input_tokens, p_output_tokens, p_cost, p_currency, p_duration_ms,
          p_response, p_cached_input_tokens, p_reasoning_tokens, p_price_version, p_estimated,
          (SELECT r.pipeline FROM runs r WHERE r.tenant = p_tenant AND r.id = p_run))
  ON CONFLICT (tenant, id) DO NOTHING; -- the same call recorded twice: its answer was lost on the way
  IF v_good AND p_status < 400 THEN
    UPDATE tasks t SET idle_parks = 0 WHERE t.tenant = p_tenant AND t.id = p_task AND t.idle_parks <> 0;
  END IF;
  RETURN v_good;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.record_call TO headrace_gateway;
