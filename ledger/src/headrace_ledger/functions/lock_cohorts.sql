-- Let one transaction at a time borrow in a cohort. Those are locked of which some bucket cannot take all that this turn asks.
-- All buckets are locked before, and cohorts in one order: whoever holds a cohort waits for nothing but a later one, so
-- there is no circle. Two words of one hash are one lock, in its place of the order.
CREATE OR REPLACE FUNCTION headrace.lock_cohorts(
  p_cohort text[], p_used bigint[], p_capacity bigint[], p_bucket integer[], p_amount bigint[]
) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_key bigint;
BEGIN
  FOR v_key IN
    SELECT DISTINCT hashtextextended(x.cohort, 0) AS key FROM (
      SELECT p_cohort[e.i] AS cohort FROM unnest(p_bucket, p_amount) AS e (i, amount)
      WHERE p_cohort[e.i] IS NOT NULL
      GROUP BY e.i HAVING p_used[e.i] + sum(e.amount) > p_capacity[e.i]) AS x
    ORDER BY key
  LOOP
    PERFORM pg_advisory_xact_lock(v_key);
  END LOOP;
END
$$;
