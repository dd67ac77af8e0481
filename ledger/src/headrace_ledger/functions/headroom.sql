-- What is left of a limit at this moment; NULL for one that is not there. For callers that see across tenants.
CREATE OR REPLACE FUNCTION headrace.headroom(p_limit bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = headrace, pg_temp AS $$
  SELECT l.capacity - used_now(l.kind, l.slot_us, b.used, b.at, b.slots, micros(clock_timestamp()))
  FROM limits l
  LEFT JOIN buckets b ON b.tenant = l.tenant AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
  WHERE l.id = p_limit
$$;
