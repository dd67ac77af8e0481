-- When the calendar period that holds a moment ends, in microseconds; days have 23 to 25 hours where a zone says so.
CREATE OR REPLACE FUNCTION headrace.period_end(p_period text, p_zone text, p_us bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = headrace, pg_temp AS $$
  SELECT (extract(epoch FROM (
    CASE p_period
      WHEN 'CalendarMonth' THEN date_trunc('month', x.local) + interval '1 month'
      ELSE date_trunc('day', x.local) + interval '1 day'
    END) AT TIME ZONE p_zone) * 1000000)::bigint
  FROM (SELECT to_timestamp(p_us / 1000000.0) AT TIME ZONE p_zone AS local) AS x
$$;
