-- Where a run that is accepted now stands: at its time of arrival, or ten minutes before its deadline if that is
-- earlier; `High` ten minutes ahead of that and `Low` ten behind, so that whatever waits is ahead in the end.
CREATE OR REPLACE FUNCTION headrace.rank_of(p_priority text, p_deadline timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN least(now(), p_deadline - interval '10 min')
       + CASE p_priority WHEN 'High' THEN interval '-10 min' WHEN 'Low' THEN interval '10 min' ELSE interval '0' END;
