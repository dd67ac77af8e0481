-- Whoever has steps that wait for a limit of all tenants contends for it, if what was let go is taken up within a minute: a
-- tenant on hold keeps nobody from its share. Nobody contends any more when nobody was refused for a while, or waits; and
-- whoever has not called for a while does not. The last thing that the sweep does, since what calls wait for here they wait
-- for with buckets in hand.
CREATE OR REPLACE FUNCTION headrace.keep_contenders() RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  INSERT INTO contenders AS c (tenant, limit_id, contender, until, needs)
  SELECT '_platform', l.id, q.tenant, now() + share_time(l.slot_us), 0
  FROM queued_limits() AS q JOIN limits l ON l.tenant = '_platform' AND l.id = q.park_limit AND l.enforced
  WHERE NOT EXISTS (SELECT FROM tasks t WHERE t.tenant = q.tenant AND t.state = 'ready' AND t.park_limit = q.park_limit
                    AND t.ready_at < now() - interval '1 min')
  ORDER BY l.id, q.tenant
  ON CONFLICT (tenant, limit_id, contender) DO UPDATE SET until = excluded.until WHERE c.until < excluded.until - interval '4 s';
  DELETE FROM contenders c USING (
    SELECT x.limit_id, x.contender FROM contenders x
    LEFT JOIN limits l ON l.tenant = '_platform' AND l.id = x.limit_id AND l.enforced
    CROSS JOIN LATERAL (SELECT share_time(l.slot_us) AS keep) AS s
    WHERE x.tenant = '_platform' AND (l.id IS NULL OR (x.until < now() AND x.since < now() - 2 * s.keep) OR NOT EXISTS (
      SELECT FROM contenders y WHERE y.tenant = '_platform' AND y.limit_id = x.limit_id AND y.until > now() - s.keep))
    FOR UPDATE OF x SKIP LOCKED) AS gone
  WHERE c.tenant = '_platform' AND c.limit_id = gone.limit_id AND c.contender = gone.contender;
END
$$;
