-- Reserve what calls may use, of every limit that concerns each of them, or say which one stands in the way until when.
-- Each bucket is locked once, in an order that all keep (`_platform` first, then tenants; in each by limit and subject);
-- the calls are then judged in the order in which they came, and written with one statement per table.
-- The caller gives distinct buckets in that order, and per call the positions of its own (`p_first` to `p_last`).
-- Only the database's clock is read, and only once a bucket is locked.
CREATE OR REPLACE FUNCTION headrace.reserve(
  p_gateway uuid, p_tenant text[], p_id uuid[], p_task uuid[], p_fence bigint[], p_run uuid[], p_step text[],
  p_provider text[], p_model text[], p_input bigint[], p_output bigint[], p_cost numeric[], p_currency text[], p_life float8[],
  p_first integer[], p_last integer[], p_bucket integer[], p_amount bigint[], p_resources text[],
  p_b_tenant text[], p_b_limit bigint[], p_b_subject uuid[]
) RETURNS TABLE (n bigint, outcome text, limit_id bigint, amount bigint, seconds float8, shadowed bigint[])
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
  c_buckets CONSTANT integer := cardinality(p_b_limit);
  b_kind text[] := array_fill(NULL::text, ARRAY[c_buckets]); -- NULL: the limit has gone
  b_enforced boolean[] := array_fill(NULL::boolean, ARRAY[c_buckets]);
  b_capacity bigint[] := array_fill(NULL::bigint, ARRAY[c_buckets]);
  b_used bigint[] := array_fill(NULL::bigint, ARRAY[c_buckets]);
  b_at bigint[] := array_fill(NULL::bigint, ARRAY[c_buckets]);
  b_slot_us bigint[] := array_fill(NULL::bigint, ARRAY[c_buckets]);
  b_cohort text[] := array_fill(NULL::text, ARRAY[c_buckets]);
  b_share boolean[] := '{}'; -- of a limit that tenants contend for: open while less than the capacity is used
  b_add bigint[] := array_fill(0::bigint, ARRAY[c_buckets]);
  b_shadowed bigint[] := array_fill(0::bigint, ARRAY[c_buckets]);
  v_tenants text[] := ARRAY(SELECT x.t FROM (SELECT DISTINCT unnest(p_tenant || p_b_tenant || '_platform'::text) COLLATE "C" AS t) AS x
                            ORDER BY x.t <> '_platform', x.t);
  v_tenant text;
  v_mine integer[];
  v_found integer;
  v_us bigint;
  v_first_us bigint; -- when the first bucket was locked
  v_had uuid[] := '{}';
  v_cool_of text[] := '{}';
  v_cool_until timestamptz[] := '{}';
  v_taken bigint[] := '{}';
  e_shared boolean[]; -- of each draw
  e_limit bigint[];
  e_subject uuid[];
  v_borrows boolean := false; -- the cohorts are locked
  v_room bigint; -- what may be borrowed
  v_most bigint;
  v_contended boolean;
  v_at integer; -- the bucket that blocks longest
  v_asked bigint;
  v_seen_limit bigint[] := '{}'; -- who was seen at limits of all tenants that are contended for
  v_seen_tenant text[] := '{}';
  v_seen_refused boolean[] := '{}';
  v_free bigint;
  v_wait float8;
  v_slots bigint[];
  r record;
  i integer;
  j integer;
BEGIN
  FOREACH v_tenant IN ARRAY v_tenants LOOP
    PERFORM set_config('headrace.tenant', v_tenant, true);
    IF v_tenant = '_platform' THEN
      SELECT coalesce(array_agg(c.provider), '{}'), coalesce(array_agg(c.until), '{}'),
             EXISTS (SELECT FROM contenders x WHERE x.tenant = '_platform' AND x.limit_id = ANY (p_b_limit))
      INTO v_cool_of, v_cool_until, v_contended
      FROM cooldowns c WHERE c.tenant = '_platform' AND c.until > now()
        AND c.provider = ANY (p_provider || ARRAY(SELECT x.p || '/' || x.m FROM unnest(p_provider, p_model) AS x (p, m)));
      IF v_contended AND NOT EXISTS (SELECT FROM unnest(p_b_tenant, p_b_subject) AS x (tenant, subject)
                                     WHERE x.tenant = '_platform' AND x.subject <> '00000000-0000-0000-0000-000000000000') THEN
        RETURN QUERY -- the same again, with what each tenant uses of contended limits counted apart
          SELECT y.* FROM share_draws(p_tenant, p_first, p_last, p_bucket, p_amount, p_resources, p_b_tenant, p_b_limit, p_b_subject) AS s,
            reserve(p_gateway, p_tenant, p_id, p_task, p_fence, p_run, p_step, p_provider, p_model, p_input, p_output, p_cost,
                    p_currency, p_life, s.first, s.last, s.bucket, s.amount, s.resources, s.b_tenant, s.b_limit, s.b_subject) AS y;
        RETURN;
      END IF;
    ELSE
      v_had := v_had || ARRAY(SELECT x.id FROM reservations x WHERE x.tenant = v_tenant AND x.id = ANY (p_id));
    END IF;
    v_mine := array_positions(p_b_tenant, v_tenant);
    CONTINUE WHEN v_mine = '{}';
    FOR turn IN 1 .. 2 LOOP
      v_found := 0;
      FOR r IN
        SELECT w.j, l.kind, l.enforced, l.capacity, l.slot_us, l.period, l.zone, l.cohort, b.used, b.at, b.slots
        FROM unnest(p_b_limit[v_mine[1] : v_mine[cardinality(v_mine)]], p_b_subject[v_mine[1] : v_mine[cardinality(v_mine)]], v_mine)
          AS w (limit_id, subject, j)
        JOIN limits l ON l.tenant = v_tenant AND l.id = w.limit_id
        JOIN buckets b ON b.tenant = v_tenant AND b.subject = w.subject AND b.limit_id = w.limit_id
        ORDER BY w.j FOR UPDATE OF b
      LOOP
        v_us := micros(clock_timestamp());
        v_first_us := coalesce(v_first_us, v_us);
        v_found := v_found + 1;
        b_kind[r.j] := r.kind;
        b_enforced[r.j] := r.enforced;
        b_capacity[r.j] := r.capacity;
        b_slot_us[r.j] := r.slot_us;
        b_cohort[r.j] := r.cohort;
        b_used[r.j] := r.used;
        b_at[r.j] := r.at;
        IF r.kind = 'Sliding' AND v_us / r.slot_us > r.at THEN
          b_at[r.j] := v_us / r.slot_us;
          b_used[r.j] := (SELECT sum(x) FROM unnest(slide(r.slots, r.at, b_at[r.j], '{}', '{}')) AS x);
        ELSIF r.kind = 'Calendar' AND v_us >= r.at THEN
          b_at[r.j] := period_end(r.period, r.zone, v_us);
          b_used[r.j] := 0;
        END IF;
      END LOOP;
      EXIT WHEN v_found = cardinality(v_mine) OR turn = 2;
      INSERT INTO buckets (tenant, subject, limit_id)
      SELECT v_tenant, p_b_subject[x.j], p_b_limit[x.j] FROM unnest(v_mine) AS x (j)
      WHERE EXISTS (SELECT FROM limits l WHERE l.tenant = v_tenant AND l.id = p_b_limit[x.j])
      ORDER BY x.j ON CONFLICT DO NOTHING;
    END LOOP;
  END LOOP;

  IF v_contended THEN
    FOR r IN
      WITH apart AS (
        SELECT y.j, y.limit_id, t.tenant FROM unnest(p_b_tenant, p_b_limit, p_b_subject) WITH ORDINALITY AS y (tenant, limit_id, subject, j)
        JOIN (SELECT DISTINCT unnest(p_tenant) AS tenant) AS t ON y.tenant = '_platform' AND y.subject = share_subject(t.tenant)
      )
      SELECT a.j, s.limit_id, s.tenant, s.share FROM apart a
      JOIN shares(ARRAY(SELECT x.limit_id FROM apart x ORDER BY x.j), ARRAY(SELECT x.tenant FROM apart x ORDER BY x.j)) AS s
        ON s.limit_id = a.limit_id AND s.tenant = a.tenant
    LOOP
      b_share[r.j] := true;
      b_capacity[r.j] := r.share;
      v_seen_limit := v_seen_limit || r.limit_id;
      v_seen_tenant := v_seen_tenant || r.tenant;
      v_seen_refused := v_seen_refused || false;
    END LOOP;
  END IF;

  -- Nothing stands in anybody's way: no need to judge the calls one by one.
  IF NOT v_contended AND v_had = '{}' AND v_cool_of = '{}' THEN
    b_add := ARRAY(SELECT sum(x.amount)::bigint FROM unnest(p_bucket, p_amount) AS x (j, amount) GROUP BY x.j ORDER BY x.j);
    IF NOT EXISTS (SELECT FROM unnest(b_used, b_add, b_capacity) AS x (used, add, capacity) WHERE x.used + x.add > x.capacity) THEN
      b_used := ARRAY(SELECT x.used + x.add FROM unnest(b_used, b_add) WITH ORDINALITY AS x (used, add, j) ORDER BY x.j);
      v_taken := ARRAY(SELECT generate_series(1, cardinality(p_id)));
      RETURN QUERY SELECT x.k, 'Reserved', NULL::bigint, NULL::bigint, 0::float8, '{}'::bigint[] FROM unnest(v_taken) AS x (k);
    ELSE
      b_add := array_fill(0::bigint, ARRAY[c_buckets]);
    END IF;
  END IF;
  FOR k IN 1 .. CASE v_taken WHEN '{}' THEN cardinality(p_id) ELSE 0 END LOOP
    n := k;
    outcome := 'Reserved';
    limit_id := NULL;
    amount := NULL;
    seconds := 0;
    shadowed := '{}';
    j := coalesce(array_position(v_cool_of, p_provider[k]), array_position(v_cool_of, p_provider[k] || '/' || p_model[k]));
    IF p_id[k] = ANY (v_had) THEN -- asked again: its answer was lost
      NULL;
    ELSIF j IS NOT NULL THEN
      outcome := 'Cooling';
      seconds := extract(epoch FROM v_cool_until[j] - now());
    ELSE
      FOR e IN p_first[k] .. p_last[k] LOOP
        i := p_bucket[e];
        CONTINUE WHEN b_kind[i] IS NULL OR b_used[i] + p_amount[e] <= b_capacity[i] OR p_amount[e] = 0;
        v_asked := CASE WHEN b_share[i] THEN 1 ELSE p_amount[e] END;
        CONTINUE WHEN b_used[i] + v_asked <= b_capacity[i];
        v_room := 0;
        v_most := 0;
        IF b_cohort[i] IS NOT NULL THEN -- beyond its own: what others do not use may be lent
          IF NOT v_borrows THEN
            v_borrows := true;
            PERFORM lock_cohorts(b_cohort, b_used, b_capacity, p_bucket, p_amount);
          END IF;
          SELECT x.room, x.most INTO v_room, v_most FROM borrowable(b_cohort[i], p_b_limit[i], p_b_limit, b_used) AS x;
          CONTINUE WHEN b_used[i] + v_asked <= b_capacity[i] + v_room;
        END IF;
        IF NOT b_enforced[i] THEN
          b_shadowed[i] := b_shadowed[i] + 1;
          shadowed := shadowed || p_b_limit[i];
          CONTINUE;
        END IF;
        v_wait := 0;
        IF v_asked > b_capacity[i] + v_most THEN
          outcome := 'TooLarge';
        ELSIF b_kind[i] = 'Total' THEN
          outcome := 'Exhausted';
        ELSE
          outcome := 'Blocked';
          v_us := micros(clock_timestamp());
          IF b_kind[i] = 'Sliding' THEN
            PERFORM set_config('headrace.tenant', p_b_tenant[i], true);
            SELECT slide(b.slots, b.at, b_at[i], ARRAY[b_at[i]], ARRAY[b_add[i]]) INTO v_slots FROM buckets b
            WHERE b.tenant = p_b_tenant[i] AND b.subject = p_b_subject[i] AND b.limit_id = p_b_limit[i];
            v_free := frees_at(v_slots, b_at[i], b_slot_us[i], b_used[i] + v_asked - b_capacity[i] - v_room);
          ELSE
            v_free := CASE b_kind[i] WHEN 'Calendar' THEN b_at[i] ELSE v_us + 1000000 END; -- a place may be free any time
          END IF;
          v_wait := greatest(v_free - v_us, 1000) / 1000000.0;
        END IF;
        IF limit_id IS NULL OR v_wait > seconds OR outcome IN ('TooLarge', 'Exhausted') THEN
          seconds := greatest(seconds, v_wait);
          v_at := i;
          limit_id := p_b_limit[i];
          amount := p_amount[e];
        END IF;
        EXIT WHEN outcome IN ('TooLarge', 'Exhausted');
      END LOOP;
      IF outcome = 'Reserved' THEN
        v_taken := v_taken || k::bigint;
        FOR e IN p_first[k] .. p_last[k] LOOP
          i := p_bucket[e];
          b_used[i] := b_used[i] + p_amount[e];
          b_add[i] := b_add[i] + p_amount[e];
        END LOOP;
      ELSIF outcome = 'Blocked' AND p_b_tenant[v_at] = '_platform' THEN
        v_seen_limit := v_seen_limit || limit_id;
        v_seen_tenant := v_seen_tenant || p_tenant[k];
        v_seen_refused := v_seen_refused || true;
      END IF;
    END IF;
    RETURN NEXT;
  END LOOP;

  e_shared := ARRAY(SELECT p_b_tenant[x.i] = '_platform' FROM unnest(p_bucket) WITH ORDINALITY AS x (i, e) ORDER BY x.e);
  e_limit := ARRAY(SELECT p_b_limit[x.i] FROM unnest(p_bucket) WITH ORDINALITY AS x (i, e) ORDER BY x.e);
  e_subject := ARRAY(SELECT p_b_subject[x.i] FROM unnest(p_bucket) WITH ORDINALITY AS x (i, e) ORDER BY x.e);
  FOREACH v_tenant IN ARRAY v_tenants LOOP
    PERFORM set_config('headrace.tenant', v_tenant, true);
    v_mine := ARRAY(SELECT x.j FROM unnest(array_positions(p_b_tenant, v_tenant)) AS x (j)
                    WHERE b_kind[x.j] IS NOT NULL AND (b_add[x.j] <> 0 OR b_shadowed[x.j] <> 0));
    IF v_mine <> '{}' THEN
      UPDATE buckets b
      SET used = w.used, reserved = b.reserved + w.add, at = w.at, shadowed = b.shadowed + w.shadowed,
          slots = CASE WHEN w.slot_us IS NULL THEN b.slots ELSE slide(b.slots, b.at, w.at, ARRAY[w.at], ARRAY[w.add]) END
      FROM (SELECT p_b_limit[x.j] AS limit_id, p_b_subject[x.j] AS subject, b_used[x.j] AS used, b_add[x.j] AS add,
                   b_at[x.j] AS at, b_shadowed[x.j] AS shadowed, b_slot_us[x.j] AS slot_us
            FROM unnest(v_mine) AS x (j)) AS w
      WHERE b.tenant = v_tenant AND b.subject = w.subject AND b.limit_id = w.limit_id;
    END IF;
    IF v_taken <> '{}' AND v_tenant <> '_platform' THEN
      INSERT INTO reservations (tenant, id, gateway, at, expires_at, task, fence, run, step, provider, model, input_tokens,
                                output_tokens, cost, currency, shared, limits, subjects, resources, amounts)
      -- `at` is never after it was counted: what is given back would else outlive, in a later slot, what it is taken from.
      SELECT v_tenant, p_id[x.k], p_gateway, coalesce(to_timestamp(v_first_us / 1000000.0), clock_timestamp()),
             now() + make_interval(secs => p_life[x.k]), p_task[x.k], p_fence[x.k], p_run[x.k],
             p_step[x.k], p_provider[x.k], p_model[x.k], p_input[x.k], p_output[x.k], p_cost[x.k], p_currency[x.k],
             e_shared[p_first[x.k] : p_last[x.k]], e_limit[p_first[x.k] : p_last[x.k]], e_subject[p_first[x.k] : p_last[x.k]],
             p_resources[p_first[x.k] : p_last[x.k]], p_amount[p_first[x.k] : p_last[x.k]]
      FROM unnest(v_taken) AS x (k)
      WHERE p_tenant[x.k] = v_tenant;
    END IF;
  END LOOP;
  IF v_seen_limit <> '{}' THEN
    PERFORM contend(v_seen_limit, v_seen_tenant, v_seen_refused);
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.reserve TO headrace_gateway;
