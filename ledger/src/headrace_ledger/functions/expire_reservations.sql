-- Settle calls that nobody lives to settle at their estimate, and keep each as spend.
CREATE OR REPLACE FUNCTION headrace.expire_reservations(p_tenant text, p_ids uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v record;
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  INSERT INTO calls (tenant, id, run, step, request_hash, idx, attempt, live, task, fence, provider, model, status, streamed,
                     input_tokens, output_tokens, cost, currency, duration_ms, response, estimated, pipeline)
  SELECT p_tenant, r.id, r.run, r.step, '', 0, 0, false, r.task, r.fence, r.provider, r.model, 0, false, r.input_tokens,
         r.output_tokens, r.cost, r.currency, 0, '', true,
         (SELECT u.pipeline FROM runs u WHERE u.tenant = p_tenant AND u.id = r.run)
  FROM reservations r WHERE r.tenant = p_tenant AND r.id = ANY (p_ids) AND r.step <> '' -- a block is no call
  ON CONFLICT (tenant, id) DO NOTHING;
  SELECT array_agg(p_tenant) AS tenants, array_agg(r.id) AS ids, array_agg(r.input_tokens) AS input,
         array_agg(r.output_tokens) AS output, array_agg(ceil(coalesce(r.cost, 0) * 1000000000)::bigint) AS cost,
         array_agg(CASE r.step WHEN '' THEN r.amounts[1] ELSE 1 END) AS calls
  INTO v FROM reservations r WHERE r.tenant = p_tenant AND r.id = ANY (p_ids);
  IF v.ids IS NOT NULL THEN
    PERFORM settle_calls(v.tenants, v.ids, v.input, v.output, v.cost, v.calls);
  END IF;
END
$$;
