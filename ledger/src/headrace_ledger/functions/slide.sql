-- A sliding log in sixtieths of its window. Of 61 slots the last is number `p_at`; move on to number `p_to`, and then
-- add to the slots of these numbers. What has left the window is forgotten; only what comes on top of it counts now.
CREATE OR REPLACE FUNCTION headrace.slide(p_slots bigint[], p_at bigint, p_to bigint, p_where bigint[], p_add bigint[])
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE SET search_path = headrace, pg_temp AS $$
DECLARE
  v_slots bigint[] := p_slots;
  v_steps bigint := p_to - p_at;
  v_to bigint := greatest(p_to, p_at); -- a clock that was set back moves nothing
  v_place integer;
BEGIN
  IF cardinality(v_slots) <> 61 OR v_steps >= 61 THEN
    v_slots := array_fill(0::bigint, ARRAY[61]);
  ELSIF v_steps > 0 THEN
    v_slots := v_slots[v_steps + 1 : 61] || array_fill(0::bigint, ARRAY[v_steps::integer]);
  END IF;
  FOR k IN 1 .. cardinality(p_where) LOOP
    v_place := 61 - greatest(least(v_to - p_where[k], 61), 0);
    IF v_place < 1 THEN
      CONTINUE WHEN p_add[k] <= 0;
      v_place := 61;
    END IF;
    v_slots[v_place] := v_slots[v_place] + p_add[k];
  END LOOP;
  RETURN v_slots;
END
$$;
