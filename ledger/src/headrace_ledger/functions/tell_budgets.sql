-- What budgets with a webhook have come to, as rows to deliver: each percent, and the end, once in a window for each amount.
-- A window of a day slides, so that it is a day until something is told again. Only what has been spent counts, not what
-- calls under way hold: a budget is at its end too when that leaves no room for a step that waits for it. For the sweep, which
-- sees all tenants, and for a gateway that has refused a call because of one budget: where calls are refused, no step waits.
CREATE OR REPLACE FUNCTION headrace.tell_budgets(p_tenant text DEFAULT NULL, p_limit bigint DEFAULT NULL, p_refused bigint DEFAULT 0)
RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  w record;
BEGIN
  IF p_tenant IS NOT NULL THEN
    PERFORM set_config('headrace.tenant', p_tenant, true);
  END IF;
  FOR w IN
    SELECT l.tenant, l.name, l.capacity, m.percent, m.exhausted, s.spent, l.spec::json ->> 'currency' AS currency,
           CASE l.kind WHEN 'Calendar' THEN to_timestamp(period_end(l.period, l.zone, n.us) / 1000000.0)
                       ELSE now() + interval '1 day' END AS window_end
    FROM limits l
    JOIN buckets b ON b.tenant = l.tenant AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
    CROSS JOIN (SELECT micros(clock_timestamp()) AS us) AS n
    CROSS JOIN LATERAL (
      SELECT greatest(used_now(l.kind, l.slot_us, b.used, b.at, b.slots, n.us) - b.reserved, 0)::numeric AS spent) AS s
    CROSS JOIN LATERAL (
      SELECT p.value::integer AS percent, false AS exhausted FROM json_array_elements_text(l.spec::json -> 'softPercents') AS p
      UNION ALL SELECT 100, l.enforced) AS m
    WHERE l.owner = 'tenant' AND l.spec LIKE '%"webhook":{%'
      AND (p_tenant IS NULL OR (l.tenant = p_tenant AND l.id = p_limit))
      AND (s.spent * 100 >= l.capacity::numeric * m.percent OR (m.exhausted AND (p_refused > l.capacity - s.spent OR EXISTS (
        SELECT FROM (
          SELECT t.park_amount FROM tasks t WHERE t.tenant = l.tenant AND t.park_limit = l.id AND t.state = 'parked'
          ORDER BY t.id LIMIT 100) AS k
        WHERE k.park_amount > l.capacity - s.spent))))
      AND NOT EXISTS (
        SELECT FROM deliveries d WHERE d.tenant = l.tenant AND d.name = l.name AND d.amount = l.capacity
          AND d.percent = m.percent AND d.exhausted = m.exhausted AND d.window_end > now())
    ORDER BY l.tenant, l.name, m.percent
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    INSERT INTO deliveries (tenant, name, amount, percent, exhausted, window_end, spent, currency)
    VALUES (w.tenant, w.name, w.capacity, w.percent, w.exhausted, w.window_end, w.spent, w.currency)
    ON CONFLICT DO NOTHING;
  END LOOP;

  IF p_tenant IS NOT NULL THEN
    RETURN;
  END IF;
  FOR w IN SELECT DISTINCT d.tenant FROM deliveries d WHERE d.next_at IS NULL AND d.window_end < now() ORDER BY d.tenant LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    DELETE FROM deliveries d WHERE d.tenant = w.tenant AND d.next_at IS NULL AND d.window_end < now();
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.tell_budgets TO headrace_gateway;
