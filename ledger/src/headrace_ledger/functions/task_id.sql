-- The id of step `p_no` of a run: the run's time bits, so that tasks made together lie together, and a
-- digest of both. Computed, not drawn: whoever writes the same step of the same run writes the same row.
CREATE OR REPLACE FUNCTION headrace.task_id(p_run uuid, p_no smallint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (substr(encode(uuid_send(p_run), 'hex'), 1, 16)
        || substr(md5(uuid_send(p_run) || int2send(p_no)), 1, 16))::uuid;
