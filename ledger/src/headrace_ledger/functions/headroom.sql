-- What is left of a limit at this moment, with what it may borrow (`room`), and which part of it is its tenant's if all that
-- wait take theirs (`part`): `p_share` of a limit of all tenants, or its own and its part of what is lent. Nothing for a
-- limit that is not there. For callers that see across tenants, who let steps go.
CREATE OR REPLACE FUNCTION headrace.headroom(p_limit bigint, p_share float8, OUT room bigint, OUT part float8)
LANGUAGE sql SET search_path = headrace, pg_temp AS $$
  SELECT u.unused + coalesce(c.room, 0), CASE WHEN l.cohort IS NULL THEN u.unused * p_share ELSE u.unused + c.part END
  FROM limits l
  LEFT JOIN buckets b ON b.tenant = l.tenant AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
  CROSS JOIN LATERAL (
    SELECT l.capacity - used_now(l.kind, l.slot_us, b.used, b.at, b.slots, micros(clock_timestamp())) AS unused) AS u
  LEFT JOIN LATERAL borrowable(l.cohort, l.id, p_let_go => true) AS c ON l.cohort IS NOT NULL
  WHERE l.id = p_limit
$$;
