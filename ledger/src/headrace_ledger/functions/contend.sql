-- Tenants have called at limits of all tenants that are contended for, or were refused there: then they are from now on. What
-- `reserve` does last, and in this order: whoever waits here holds all its buckets, and waits for no other thing after.
CREATE OR REPLACE FUNCTION headrace.contend(p_limit bigint[], p_tenant text[], p_refused boolean[]) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  INSERT INTO contenders AS c (tenant, limit_id, contender, until, needs)
  SELECT '_platform', l.id, x.tenant, CASE WHEN x.refused THEN now() + s.keep ELSE '-infinity' END, u.used
  FROM (SELECT y.limit_id, y.tenant, bool_or(y.refused) AS refused FROM unnest(p_limit, p_tenant, p_refused) AS y (limit_id, tenant, refused)
        GROUP BY y.limit_id, y.tenant) AS x
  JOIN limits l ON l.tenant = '_platform' AND l.id = x.limit_id
  LEFT JOIN buckets b ON b.tenant = '_platform' AND b.subject = share_subject(x.tenant) AND b.limit_id = x.limit_id
  LEFT JOIN contenders k ON k.tenant = '_platform' AND k.limit_id = x.limit_id AND k.contender = x.tenant
  CROSS JOIN LATERAL (SELECT share_time(l.slot_us) AS keep) AS s
  CROSS JOIN LATERAL (SELECT used_now(l.kind, l.slot_us, b.used, b.at, b.slots, micros(clock_timestamp())) AS used) AS u
  WHERE k.tenant IS NULL OR k.needs < u.used OR k.since <= now() - s.keep OR (x.refused AND k.until < now() + 0.9 * s.keep)
  ORDER BY l.id, x.tenant COLLATE "C"
  ON CONFLICT (tenant, limit_id, contender) DO UPDATE
  SET until = greatest(c.until, excluded.until), (needs, before, since) = (
    SELECT CASE WHEN c.since > now() - s.keep THEN greatest(c.needs, excluded.needs) ELSE excluded.needs END,
           CASE WHEN c.since > now() - s.keep THEN c.before WHEN c.since > now() - 2 * s.keep THEN c.needs ELSE 0 END,
           CASE WHEN c.since > now() - s.keep THEN c.since ELSE now() END
    FROM limits l CROSS JOIN LATERAL (SELECT share_time(l.slot_us) AS keep) AS s WHERE l.tenant = '_platform' AND l.id = excluded.limit_id);
END
$$;
