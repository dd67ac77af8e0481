-- One bounded turn over what ran out. It looks across tenants, and acts tenant by tenant with that tenant set.
-- Two at once: the second does nothing, so every gateway may try every second.
CREATE OR REPLACE FUNCTION headrace.sweep(
  p_after_gap boolean, OUT ran boolean, OUT expired integer, OUT timed_out integer, OUT unparked integer,
  OUT deleted integer, OUT more boolean, OUT pools bigint[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = headrace, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  c_batch CONSTANT integer := 500;
  v_seen integer := 0; -- of a batch, over all tenants
  w record;
  d record;
BEGIN
  expired := 0;
  timed_out := 0;
  unparked := 0;
  deleted := 0;
  more := false;
  pools := '{}';
  ran := pg_try_advisory_xact_lock(hashtextextended('headrace.sweep', 0));
  IF NOT ran THEN
    RETURN;
  END IF;

  -- After an outage no worker could beat: `p_after_gap` says that nothing expires yet.
  FOR w IN
    SELECT x.tenant, array_agg(x.id ORDER BY x.id) AS ids FROM (
      SELECT t.tenant, t.id FROM tasks t
      WHERE t.state = 'leased' AND (t.lease_until < now() OR t.deadline < now() - interval '5 s') AND NOT p_after_gap
      LIMIT c_batch) AS x
    GROUP BY x.tenant ORDER BY x.tenant
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    SELECT * INTO d FROM expire_tasks(w.tenant, w.ids);
    expired := expired + d.expired;
    timed_out := timed_out + d.timed_out;
    pools := pools || d.pools;
    v_seen := v_seen + cardinality(w.ids);
  END LOOP;
  more := more OR v_seen = c_batch;
  v_seen := 0;

  FOR w IN
    SELECT x.tenant, array_agg(x.id ORDER BY x.id) AS ids FROM (
      SELECT t.tenant, t.id FROM tasks t WHERE t.state = 'parked' AND t.park_limit IS NULL AND t.ready_at <= now()
      ORDER BY t.ready_at LIMIT c_batch) AS x
    GROUP BY x.tenant ORDER BY x.tenant
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    SELECT * INTO d FROM unpark_tasks(w.tenant, w.ids);
    unparked := unparked + d.unparked;
    pools := pools || d.pools;
    v_seen := v_seen + cardinality(w.ids);
  END LOOP;
  more := more OR v_seen = c_batch;
  v_seen := 0;

  -- What waits for limits: each lets go as many as it can feed, shared by weight among the tenants that wait for it.
  FOR w IN
    WITH queued AS MATERIALIZED (
      SELECT q.tenant, q.park_limit, t.weight FROM queued_limits() AS q JOIN tenants t ON t.tenant = q.tenant
    ), waits AS (
      SELECT array_agg(q.park_limit ORDER BY q.tenant, q.park_limit) AS limits, array_agg(q.tenant ORDER BY q.tenant, q.park_limit) AS tenants
      FROM queued q
    )
    SELECT q.tenant, q.park_limit, q.weight::float8 / sum(q.weight) OVER (PARTITION BY q.park_limit) AS share, s.share - s.used AS rest
    FROM queued q CROSS JOIN waits x LEFT JOIN shares(x.limits, x.tenants) AS s ON s.limit_id = q.park_limit AND s.tenant = q.tenant
    ORDER BY q.tenant, q.park_limit
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    SELECT * INTO d FROM let_go(w.tenant, w.park_limit, w.share, w.rest, c_batch);
    unparked := unparked + d.unparked;
    pools := pools || d.pools;
  END LOOP;

  -- What gateways held that died, or calls that nobody ended: it is settled at the estimate, never at nothing.
  IF NOT p_after_gap THEN
    FOR w IN
      SELECT x.tenant, array_agg(x.id ORDER BY x.id) AS ids FROM (
        SELECT r.tenant, r.id FROM reservations r WHERE r.expires_at < now()
        UNION
        SELECT r.tenant, r.id FROM (SELECT DISTINCT g.gateway AS id FROM reservations g) AS g
        JOIN reservations r ON r.gateway = g.id AND r.at < now() - interval '30 s'
        WHERE NOT EXISTS (SELECT FROM gateways l WHERE l.id = g.id AND l.alive_until > now())
        LIMIT c_batch) AS x
      GROUP BY x.tenant ORDER BY x.tenant
    LOOP
      PERFORM expire_reservations(w.tenant, w.ids);
    END LOOP;
    PERFORM set_config('headrace.tenant', '_platform', true);
    DELETE FROM gateways g WHERE g.tenant = '_platform' AND g.alive_until < now() - interval '10 min';
    DELETE FROM cooldowns c WHERE c.tenant = '_platform'
      AND c.until < now() - CASE c.openings WHEN 0 THEN interval '0' ELSE interval '1 h' END; -- it may fail again as before
  END IF;

  -- Runs that took too long, and runs whose results have been kept long enough.
  FOR w IN
    SELECT x.tenant, x.phase < 2 AS open, array_agg(x.id ORDER BY x.id) AS ids FROM (
      SELECT r.tenant, r.id, r.phase FROM runs r WHERE r.due_at < now() ORDER BY r.due_at LIMIT c_batch) AS x
    GROUP BY x.tenant, x.phase < 2 ORDER BY x.tenant
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    IF w.open THEN
      SELECT * INTO d FROM expire_runs(w.tenant, w.ids);
      timed_out := timed_out + d.ended;
      pools := pools || d.pools;
    ELSE
      deleted := deleted + delete_runs(w.tenant, w.ids);
    END IF;
    v_seen := v_seen + cardinality(w.ids);
  END LOOP;
  more := more OR v_seen = c_batch;

  -- Limits per key were changed, or the newer run of a key waits for an older one whose end was lost with its process.
  FOR w IN SELECT l.tenant, l.id FROM pipelines l WHERE l.keys_due ORDER BY l.tenant, l.id LIMIT c_batch LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true), admit_due(w.tenant, w.id);
  END LOOP;
  FOR w IN
    SELECT l.tenant, l.uid FROM pipelines l
    WHERE 'CancelOldest' = ANY (l.key_policies) AND EXISTS (
      SELECT FROM runs r WHERE r.tenant = l.tenant AND r.pipeline = l.id AND r.phase = -1)
    ORDER BY l.tenant, l.id LIMIT c_batch
  LOOP
    pools := pools || (SELECT x.pools FROM displace(w.tenant, w.uid) AS x);
  END LOOP;

  -- Runs that wait although there is room: a limit was raised, or a promotion was lost with its process.
  FOR w IN
    SELECT l.tenant, l.id FROM pipelines l
    WHERE l.deleting_since IS NULL AND EXISTS (
      SELECT FROM runs r WHERE r.tenant = l.tenant AND r.pipeline = l.id AND r.phase = 0)
    ORDER BY l.tenant, l.id LIMIT c_batch
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    pools := pools || promote(w.tenant, w.id);
  END LOOP;

  FOR w IN SELECT DISTINCT p.tenant FROM pools p WHERE p.draining ORDER BY p.tenant LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true), delete_pools(w.tenant);
  END LOOP;

  -- A deleted pipeline's last finished run has expired: nothing needs its name any more.
  FOR w IN
    SELECT l.tenant, l.id FROM pipelines l
    WHERE l.deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM runs r WHERE r.tenant = l.tenant AND r.pipeline = l.id)
    ORDER BY l.tenant, l.id LIMIT c_batch
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true);
    DELETE FROM pipelines l WHERE l.tenant = w.tenant AND l.id = w.id;
  END LOOP;
  PERFORM tell_budgets();
  PERFORM expire_learnt();
  PERFORM keep_contenders();
  pools := ARRAY(SELECT DISTINCT x FROM unnest(pools) AS x ORDER BY x);
END
$$;
GRANT EXECUTE ON FUNCTION headrace.sweep TO headrace_gateway;
