-- Forget what a provider has said of its limits, and what was counted of them.
CREATE OR REPLACE FUNCTION headrace.forget_learnt(p_provider text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  DELETE FROM buckets b USING limits l
  WHERE b.tenant = '_platform' AND l.tenant = '_platform' AND l.owner = 'learnt/' || p_provider AND b.limit_id = l.id;
  DELETE FROM limit_sets s WHERE s.tenant = '_platform' AND s.owner = 'learnt/' || p_provider;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.forget_learnt TO headrace_operator;
