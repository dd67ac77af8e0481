-- What a limit may borrow of its cohort at this moment (`room`), what it might if nobody else used anything (`most`), and how
-- much of its own the others have taken (`lent`). Numbers only: whose they are stays here, for this sees across tenants.
-- Each member lends what it does not use of its own, up to its `lending`; what others have used beyond their own is taken from that.
-- `p_used` says better than the table what is used of `p_ids`; with `p_let_go`, steps that were let go and have not called
-- yet count as used. VOLATILE, so that it sees what was committed until a lock was had.
CREATE OR REPLACE FUNCTION headrace.borrowable(
  p_cohort text, p_limit bigint, p_ids bigint[] DEFAULT '{}', p_used bigint[] DEFAULT '{}', p_let_go boolean DEFAULT false,
  OUT room bigint, OUT most bigint, OUT lent bigint
)
LANGUAGE sql SECURITY DEFINER SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
  WITH member AS (
    SELECT l.id = p_limit AS mine, l.borrowing, least(l.lending, l.capacity) AS lending, l.capacity - coalesce(
      k.used, used_now(l.kind, l.slot_us, b.used, b.at, b.slots, micros(clock_timestamp()))) - CASE WHEN p_let_go THEN (
        SELECT coalesce(sum(t.park_amount), 0)::bigint FROM tasks t
        WHERE t.tenant = l.tenant AND t.state = 'ready' AND t.park_limit = l.id) ELSE 0 END AS unused
    FROM limits l
    LEFT JOIN buckets b ON b.tenant = l.tenant AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
    LEFT JOIN unnest(p_ids, p_used) AS k (id, used) ON k.id = l.id
    WHERE l.cohort = p_cohort
  ), summed AS (
    SELECT min(m.borrowing) FILTER (WHERE m.mine) AS borrowing,
           coalesce(sum(least(m.lending, m.unused)) FILTER (WHERE NOT m.mine), 0) AS theirs,
           coalesce(sum(m.lending) FILTER (WHERE NOT m.mine), 0) AS whole,
           sum(greatest(-m.unused, 0)) AS taken,
           coalesce(sum(least(m.lending, m.unused)) FILTER (WHERE m.mine AND m.unused > 0), 0) AS mine,
           sum(least(m.lending, m.unused)) FILTER (WHERE m.unused > 0) AS given
    FROM member m
  )
  SELECT greatest(least(s.borrowing, s.theirs), 0)::bigint, least(s.borrowing, s.whole)::bigint,
         least(s.mine, CASE WHEN s.mine > 0 THEN trunc(s.taken * s.mine / s.given) ELSE 0 END)::bigint
  FROM summed s
$$;
GRANT EXECUTE ON FUNCTION headrace.borrowable TO headrace_gateway, headrace_operator;
