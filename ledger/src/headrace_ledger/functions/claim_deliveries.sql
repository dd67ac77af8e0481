-- What is due to be told, at most four of a tenant at a time. Claimed, a row is due again after 30 s, and later each time: it is
-- the lease of this try and the back-off after it at once, so that a try that fails, or dies, has nothing to write. The
-- last try of the first 24 h is the last. What has no webhook any more is not told.
CREATE OR REPLACE FUNCTION headrace.claim_deliveries(p_most integer)
RETURNS TABLE (tenant text, id uuid, name text, amount bigint, percent integer, exhausted boolean, window_end timestamptz,
               spent bigint, currency text, at timestamptz, tries integer, last boolean, webhook text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  w record;
BEGIN
  FOR w IN
    SELECT y.tenant, array_agg(y.id) AS ids FROM (
      SELECT x.tenant, x.id FROM (
        SELECT d.tenant, d.id, d.next_at, row_number() OVER (PARTITION BY d.tenant ORDER BY d.next_at, d.id) AS nth
        FROM deliveries d WHERE d.next_at <= now()) AS x
      WHERE x.nth <= 4 ORDER BY x.next_at LIMIT p_most) AS y
    GROUP BY y.tenant ORDER BY y.tenant
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    RETURN QUERY
      WITH due AS (
        SELECT d.id FROM deliveries d WHERE d.tenant = w.tenant AND d.id = ANY (w.ids) AND d.next_at <= now()
        FOR UPDATE SKIP LOCKED
      ), meant AS (
        SELECT k.id, k.again, l.spec::json ->> 'webhook' AS webhook
        FROM (
          SELECT d.id, d.name, CASE WHEN e.again < d.at + interval '24 h' THEN e.again END AS again
          FROM due JOIN deliveries d ON d.tenant = w.tenant AND d.id = due.id
          CROSS JOIN LATERAL (
            SELECT now() + least(interval '1 h', interval '30 s' * 2 ^ least(d.tries, 10)) AS again) AS e) AS k
        LEFT JOIN limits l ON l.tenant = w.tenant AND l.owner = 'tenant' AND l.name = k.name
      ), moved AS (
        UPDATE deliveries d SET tries = d.tries + 1, next_at = CASE WHEN m.webhook IS NOT NULL THEN m.again END
        FROM meant m WHERE d.tenant = w.tenant AND d.id = m.id
        RETURNING d.*, m.webhook
      )
      SELECT m.tenant, m.id, m.name, m.amount, m.percent, m.exhausted, m.window_end, m.spent, m.currency, m.at, m.tries,
             m.next_at IS NULL, m.webhook
      FROM moved m WHERE m.webhook IS NOT NULL;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.claim_deliveries TO headrace_gateway;
