-- A moment in microseconds, as buckets count time. Without settings of its own, so that it is put into what asks.
CREATE OR REPLACE FUNCTION headrace.micros(p_at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (extract(epoch FROM p_at) * 1000000)::bigint;
