-- When `p_need` of a sliding log will have left its window, in microseconds, if nothing is added meanwhile.
CREATE OR REPLACE FUNCTION headrace.frees_at(p_slots bigint[], p_at bigint, p_slot_us bigint, p_need bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = headrace, pg_temp AS $$
DECLARE
  v_left bigint := p_need;
BEGIN
  FOR k IN 1 .. cardinality(p_slots) LOOP
    v_left := v_left - p_slots[k];
    IF v_left <= 0 THEN
      RETURN (p_at + k) * p_slot_us; -- slot k is number at - 61 + k, and leaves 61 slots after it began
    END IF;
  END LOOP;
  RETURN (p_at + 61) * p_slot_us;
END
$$;
