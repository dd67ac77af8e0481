-- The answer of a call that this attempt of the step has had already, before a loss, an interruption or a park.
-- A new attempt asks anew: the old answer may be why the last one failed.
CREATE OR REPLACE FUNCTION headrace.recall(p_tenant text, p_run uuid, p_step text, p_request_hash bytea, p_idx integer)
RETURNS TABLE (id uuid, tenant text, task uuid, fence bigint, run uuid, step text, request_hash bytea, idx integer, provider text,
               model text, status integer, response bytea, streamed boolean, input_tokens bigint, output_tokens bigint,
               cost numeric, currency text, duration_ms bigint, cached_input_tokens bigint, reasoning_tokens bigint,
               price_version text, estimated boolean)
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT c.id, c.tenant, c.task, c.fence, c.run, c.step, c.request_hash, c.idx, c.provider, c.model, c.status, c.response,
           c.streamed, c.input_tokens, c.output_tokens, c.cost, c.currency, c.duration_ms,
           c.cached_input_tokens, c.reasoning_tokens, c.price_version, c.estimated
    FROM calls c JOIN tasks t ON t.tenant = p_tenant AND t.id = c.task AND t.attempts = c.attempt
    WHERE c.tenant = p_tenant AND c.run = p_run AND c.step = p_step AND c.request_hash = p_request_hash
      AND c.idx = p_idx AND c.live
    LIMIT 1;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.recall TO headrace_gateway;
