-- What is left of a limit at this moment; NULL for one that is not there. For callers that see across tenants.
CREATE OR REPLACE FUNCTION headrace.headroom(p_limit bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = headrace, pg_temp AS $$
  SELECT l.capacity - CASE
    WHEN b.used IS NULL OR (l.kind = 'Calendar' AND n.us >= b.at) THEN 0
    WHEN l.kind = 'Sliding' THEN (
      SELECT coalesce(sum(x), 0) FROM unnest(slide(b.slots, b.at, n.us / l.slot_us, '{}', '{}')) AS x)
    ELSE b.used END
  FROM limits l
  LEFT JOIN buckets b ON b.tenant = l.tenant AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
  CROSS JOIN (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS n
  WHERE l.id = p_limit
$$;
