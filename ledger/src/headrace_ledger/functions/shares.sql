-- Of limits that tenants contend for: how much is the share of each tenant that asks, and how much it has used of the limit.
-- Capacity is divided by weight; what one does not want is divided among the others. Who asks here, was refused lately or has
-- steps that wait for the limit wants all that it can get; any other a tenth more than it had at most lately. What was used before
-- the contention, so that it was not counted for anybody, is not there to divide. A share is never less than 1.
-- Numbers only, of the tenants that ask.
CREATE OR REPLACE FUNCTION headrace.shares(p_limit bigint[], p_tenant text[])
RETURNS TABLE (limit_id bigint, tenant text, share bigint, used bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
  WITH asked AS (
    SELECT DISTINCT a.limit_id, a.tenant FROM unnest(p_limit, p_tenant) AS a (limit_id, tenant)
  ), wide AS (
    SELECT l.id, l.kind, l.slot_us, l.capacity, share_time(l.slot_us) AS keep, n.us,
           used_now(l.kind, l.slot_us, b.used, b.at, b.slots, n.us) AS used
    FROM limits l
    CROSS JOIN (SELECT micros(clock_timestamp()) AS us) AS n
    LEFT JOIN buckets b ON b.tenant = '_platform' AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
    WHERE l.tenant = '_platform' AND l.id IN (SELECT a.limit_id FROM asked a)
  ), member AS MATERIALIZED (
    SELECT w.id, m.tenant, coalesce(t.weight, 1)::float8 AS weight, u.used,
           CASE WHEN m.until > now() THEN 'infinity'::float8
                ELSE 1.1 * greatest(u.used, CASE WHEN m.since > now() - 2 * w.keep THEN m.needs END,
                                    CASE WHEN m.since > now() - w.keep THEN m.before END) END AS demand
    FROM wide w
    JOIN (SELECT c.limit_id, c.contender AS tenant, c.until, c.needs, c.before, c.since FROM contenders c WHERE c.tenant = '_platform'
          UNION ALL
          SELECT a.limit_id, a.tenant, '-infinity', 0, 0, '-infinity' FROM asked a WHERE NOT EXISTS (
            SELECT FROM contenders c WHERE c.tenant = '_platform' AND c.limit_id = a.limit_id AND c.contender = a.tenant)
         ) AS m ON m.limit_id = w.id
    LEFT JOIN tenants t ON t.tenant = m.tenant
    LEFT JOIN buckets b ON b.tenant = '_platform' AND b.subject = share_subject(m.tenant) AND b.limit_id = w.id
    CROSS JOIN LATERAL (SELECT used_now(w.kind, w.slot_us, b.used, b.at, b.slots, w.us) AS used) AS u
  ), rest AS MATERIALIZED (
    SELECT w.id, w.capacity - greatest(w.used - (SELECT sum(m.used) FROM member m WHERE m.id = w.id), 0)::float8 AS amount
    FROM wide w
  ), asking AS MATERIALIZED ( -- `more` wants less than all unless it asks; for all others the level is the same
    SELECT m.*, CASE WHEN m.demand < 'infinity' THEN m.tenant END AS more FROM asked a
    JOIN member m ON m.id = a.limit_id AND m.tenant = a.tenant
  ), level AS MATERIALIZED (
    -- They are served from the least demand per weight on; where one cannot be, the rest is divided: the highest level of all.
    SELECT k.id, k.more, max((k.amount - coalesce(k.before, 0)) / k.weights) AS level FROM (
      SELECT e.id, e.more, r.amount, sum(x.demand) OVER up AS before, sum(m.weight) OVER down AS weights
      FROM (SELECT DISTINCT a.id, a.more FROM asking a) AS e
      JOIN rest r ON r.id = e.id
      JOIN member m ON m.id = e.id
      CROSS JOIN LATERAL (SELECT CASE WHEN m.tenant = e.more THEN 'infinity' ELSE m.demand END AS demand) AS x
      WINDOW up AS (PARTITION BY e.id, e.more ORDER BY x.demand / m.weight, m.tenant ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
             down AS (PARTITION BY e.id, e.more ORDER BY x.demand / m.weight, m.tenant ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
    ) AS k GROUP BY k.id, k.more
  )
  SELECT a.id, a.tenant, greatest(ceil(a.weight * l.level - 0.000001), 1)::bigint, a.used
  FROM asking a JOIN level l ON l.id = a.id AND l.more IS NOT DISTINCT FROM a.more
$$;
GRANT EXECUTE ON FUNCTION headrace.shares TO headrace_gateway;
