-- What counts of a bucket at a moment: nothing of what has left its window, or of a period that is over, or if it is not there.
CREATE OR REPLACE FUNCTION headrace.used_now(
  p_kind text, p_slot_us bigint, p_used bigint, p_at bigint, p_slots bigint[], p_us bigint
) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = headrace, pg_temp AS $$
  SELECT CASE
    WHEN p_used IS NULL OR (p_kind = 'Calendar' AND p_us >= p_at) THEN 0
    WHEN p_kind = 'Sliding' AND p_us / p_slot_us > p_at THEN (
      SELECT sum(x)::bigint FROM unnest(slide(p_slots, p_at, p_us / p_slot_us, '{}', '{}')) AS x)
    ELSE p_used END
$$;
