-- What is left of a limit at this moment, with what it may borrow; NULL for one that is not there. For callers that see across
-- tenants, who let steps go.
CREATE OR REPLACE FUNCTION headrace.headroom(p_limit bigint) RETURNS bigint
LANGUAGE sql SET search_path = headrace, pg_temp AS $$
  SELECT l.capacity - used_now(l.kind, l.slot_us, b.used, b.at, b.slots, micros(clock_timestamp()))
    + CASE WHEN l.cohort IS NULL THEN 0 ELSE (borrowable(l.cohort, l.id, p_let_go => true)).room END
  FROM limits l
  LEFT JOIN buckets b ON b.tenant = l.tenant AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
  WHERE l.id = p_limit
$$;
