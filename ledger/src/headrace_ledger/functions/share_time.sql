-- For how long a share is kept for who was refused, and what one has used is a sign of what it needs: for the window of a
-- sliding limit, since what others take meanwhile comes back no sooner, but for an hour at most; else for a minute.
CREATE OR REPLACE FUNCTION headrace.share_time(p_slot_us bigint) RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = headrace, pg_temp AS $$
  SELECT make_interval(secs => CASE WHEN p_slot_us IS NULL THEN 60 ELSE least(greatest(p_slot_us * 60 / 1000000, 5), 3600) END)
$$;
