-- Settle reservations with what was really used; one that is not there any more has been settled already.
-- Usage counts when it was reserved, so a limit's log stays exact whenever the answer ended; what a call used beyond its
-- reservation counts now where that moment has left the window. Buckets in the order that `reserve` keeps.
CREATE OR REPLACE FUNCTION headrace.settle_calls(
  p_tenant text[], p_id uuid[], p_input bigint[], p_output bigint[], p_cost bigint[], p_calls bigint[]
) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  v_tenants text[] := ARRAY(SELECT x.t FROM (SELECT DISTINCT unnest(p_tenant) COLLATE "C" AS t) AS x ORDER BY x.t);
  v_tenant text;
  d_tenant text[] := '{}'; -- what changes: one entry per reservation and bucket
  d_limit bigint[] := '{}';
  d_subject uuid[] := '{}';
  d_us bigint[] := '{}';
  d_held bigint[] := '{}';
  d_more bigint[] := '{}';
  v record;
BEGIN
  FOREACH v_tenant IN ARRAY v_tenants LOOP
    PERFORM set_config('headrace.tenant', v_tenant, true);
    WITH gone AS (
      DELETE FROM reservations r WHERE r.tenant = v_tenant AND r.id = ANY (p_id)
      RETURNING r.id, micros(r.at) AS us, r.shared, r.limits, r.subjects, r.resources, r.amounts
    ), each AS ( -- an array has its places by number: a join would compare every row with every other
      SELECT g.*, array_position(p_id, g.id) AS n FROM gone g
    ), changed AS ( -- calls that were reserved together are one change of a bucket
      SELECT x.shared, x.limit_id, x.subject, g.us, sum(x.amount) AS held, sum(CASE x.resource
               WHEN 'tokens' THEN p_input[g.n] + p_output[g.n] WHEN 'inputTokens' THEN p_input[g.n] WHEN 'outputTokens' THEN p_output[g.n]
               WHEN 'cost' THEN p_cost[g.n] ELSE p_calls[g.n] END - x.amount) AS more
      FROM each g, unnest(g.shared, g.limits, g.subjects, g.resources, g.amounts) AS x (shared, limit_id, subject, resource, amount)
      GROUP BY 1, 2, 3, 4
    )
    SELECT array_agg(CASE WHEN c.shared THEN '_platform' ELSE v_tenant END) AS tenants, array_agg(c.limit_id) AS limits,
           array_agg(c.subject) AS subjects, array_agg(c.us) AS us, array_agg(c.held::bigint) AS held, array_agg(c.more::bigint) AS more
    INTO v
    FROM changed c;
    IF v.limits IS NOT NULL THEN
      d_tenant := d_tenant || v.tenants;
      d_limit := d_limit || v.limits;
      d_subject := d_subject || v.subjects;
      d_us := d_us || v.us;
      d_held := d_held || v.held;
      d_more := d_more || v.more;
    END IF;
  END LOOP;

  FOREACH v_tenant IN ARRAY array_prepend('_platform', v_tenants) LOOP
    CONTINUE WHEN NOT v_tenant = ANY (d_tenant);
    PERFORM set_config('headrace.tenant', v_tenant, true);
    PERFORM FROM (SELECT DISTINCT x.limit_id, x.subject FROM unnest(d_tenant, d_limit, d_subject) AS x (tenant, limit_id, subject)
                  WHERE x.tenant = v_tenant) AS w
    JOIN buckets b ON b.tenant = v_tenant AND b.subject = w.subject AND b.limit_id = w.limit_id
    ORDER BY w.limit_id, w.subject FOR UPDATE OF b;
    UPDATE buckets b
    SET reserved = b.reserved - w.held,
        slots = CASE l.kind WHEN 'Sliding' THEN s.slots ELSE b.slots END,
        at = CASE l.kind WHEN 'Sliding' THEN greatest(b.at, w.now_us / l.slot_us) ELSE b.at END,
        used = CASE l.kind
          WHEN 'Sliding' THEN (SELECT sum(x) FROM unnest(s.slots) AS x)
          WHEN 'Concurrency' THEN b.used - w.held
          WHEN 'Total' THEN b.used + w.more
          ELSE b.used + coalesce((
            SELECT sum(y.more) FROM unnest(w.us, w.mores) AS y (us, more) WHERE period_end(l.period, l.zone, y.us) = b.at), 0)
        END
    FROM (
      SELECT x.limit_id, x.subject, sum(x.held)::bigint AS held, sum(x.more)::bigint AS more, array_agg(x.us) AS us,
             array_agg(x.more) AS mores, micros(clock_timestamp()) AS now_us
      FROM unnest(d_tenant, d_limit, d_subject, d_us, d_held, d_more) AS x (tenant, limit_id, subject, us, held, more)
      WHERE x.tenant = v_tenant GROUP BY x.limit_id, x.subject) AS w
    JOIN limits l ON l.tenant = v_tenant AND l.id = w.limit_id
    JOIN buckets k ON k.tenant = v_tenant AND k.subject = w.subject AND k.limit_id = w.limit_id
    CROSS JOIN LATERAL (
      SELECT CASE WHEN l.kind = 'Sliding' THEN
        slide(k.slots, k.at, w.now_us / l.slot_us, ARRAY(SELECT u / l.slot_us FROM unnest(w.us) AS u), w.mores) END AS slots
    ) AS s
    WHERE b.tenant = v_tenant AND b.subject = w.subject AND b.limit_id = w.limit_id;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.settle_calls TO headrace_gateway;
