-- Make as many tasks of a tenant ready as the limit that they wait for can feed, oldest run first. What was let go
-- before and is not claimed yet counts as used. A fraction of a task is one by chance, so that small shares get theirs too.
-- `p_left` is what the tenant may still use of a limit that others contend for, NULL for a limit of its own.
-- A limit that has gone, or was lifted into Shadow mode, lets everything go.
CREATE OR REPLACE FUNCTION headrace.let_go(
  p_tenant text, p_limit bigint, p_share float8, p_left bigint, p_most integer, OUT unparked integer, OUT pools bigint[]
)
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_pending bigint;
  v_each bigint;
BEGIN
  unparked := 0;
  pools := '{}';
  IF EXISTS (SELECT FROM limits l WHERE l.id = p_limit AND l.enforced) THEN
    SELECT t.park_amount INTO v_each FROM tasks t
    WHERE t.tenant = p_tenant AND t.state = 'parked' AND t.park_limit = p_limit ORDER BY t.id LIMIT 1;
    SELECT coalesce(sum(t.park_amount), 0) INTO v_pending FROM tasks t
    WHERE t.tenant = p_tenant AND t.state = 'ready' AND t.park_limit = p_limit;
    SELECT least(p_most, ceil((p_left - v_pending)::float8 / x.each), floor((h.room - v_pending)::float8 / x.each),
                 floor((h.part - v_pending) / x.each + random()))
    INTO p_most FROM headroom(p_limit, p_share) AS h CROSS JOIN (SELECT greatest(v_each, 1) AS each) AS x;
  END IF;
  IF p_most <= 0 THEN
    RETURN;
  END IF;
  SELECT m.unparked, m.pools INTO unparked, pools
  FROM make_ready(p_tenant, ARRAY(
    SELECT t.id FROM tasks t WHERE t.tenant = p_tenant AND t.state = 'parked' AND t.park_limit = p_limit
    ORDER BY t.id LIMIT p_most FOR UPDATE SKIP LOCKED), now()) AS m;
END
$$;
