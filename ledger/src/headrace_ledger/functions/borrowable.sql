-- What a limit may borrow of its cohort at this moment (`room`), what it might if nobody else used anything (`most`), and how
-- much of its own the others have taken (`lent`). Numbers only: whose they are stays here, for this sees across tenants.
-- Each member lends what it does not use of its own, up to its `lending`; what it has used beyond its own is less than nothing.
-- `p_used` says better than the table what is used of `p_ids`. With `p_let_go`, steps that were let go and have not called yet
-- count as used, and `part` is what may be borrowed if all whose steps wait take theirs, by weight.
-- VOLATILE, so that it sees what was committed until a lock was had.
CREATE OR REPLACE FUNCTION headrace.borrowable(
  p_cohort text, p_limit bigint, p_ids bigint[] DEFAULT '{}', p_used bigint[] DEFAULT '{}', p_let_go boolean DEFAULT false,
  OUT room bigint, OUT most bigint, OUT lent bigint, OUT part float8
)
LANGUAGE sql SECURITY DEFINER SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
  WITH member AS (
    SELECT l.id = p_limit AS mine, l.borrowing, least(l.lending, l.capacity) AS lending,
           least(l.lending, l.capacity, l.capacity - u.used - w.let_go) AS spare, CASE WHEN w.waits THEN t.weight END AS weight
    FROM limits l
    LEFT JOIN tenants t ON t.tenant = l.tenant
    LEFT JOIN buckets b ON b.tenant = l.tenant AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
    LEFT JOIN unnest(p_ids, p_used) AS k (id, used) ON k.id = l.id
    CROSS JOIN LATERAL (
      SELECT coalesce(k.used, used_now(l.kind, l.slot_us, b.used, b.at, b.slots, micros(clock_timestamp()))) AS used) AS u
    CROSS JOIN LATERAL (
      SELECT p_let_go AND EXISTS (
               SELECT FROM tasks p WHERE p.tenant = l.tenant AND p.state = 'parked' AND p.park_limit = l.id) AS waits,
             CASE WHEN p_let_go THEN (
               SELECT coalesce(sum(r.park_amount), 0) FROM tasks r
               WHERE r.tenant = l.tenant AND r.state = 'ready' AND r.park_limit = l.id) ELSE 0 END AS let_go) AS w
    WHERE l.cohort = p_cohort
  ), summed AS (
    SELECT min(m.borrowing) FILTER (WHERE m.mine) AS borrowing,
           coalesce(sum(m.spare) FILTER (WHERE NOT m.mine), 0) AS theirs,
           coalesce(sum(m.lending) FILTER (WHERE NOT m.mine), 0) AS whole,
           max(greatest(m.spare, 0)) FILTER (WHERE m.mine) AS mine,
           sum(greatest(m.spare, 0)) AS given,
           sum(greatest(-m.spare, 0)) AS taken,
           sum(CASE WHEN m.weight IS NULL THEN m.spare ELSE greatest(m.spare, 0) END)
             * min(m.weight) FILTER (WHERE m.mine) / sum(m.weight) AS part
    FROM member m
  )
  SELECT greatest(least(s.borrowing, s.theirs), 0)::bigint, least(s.borrowing, s.whole)::bigint,
         coalesce(least(s.mine, trunc(s.taken * s.mine / nullif(s.given, 0))), 0)::bigint,
         greatest(least(s.borrowing, s.theirs, s.part), 0)::float8
  FROM summed s
$$;
GRANT EXECUTE ON FUNCTION headrace.borrowable TO headrace_gateway, headrace_operator;
