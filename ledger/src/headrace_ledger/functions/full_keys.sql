-- The positions of submits that a limit per key with `Reject` has no room for, and its name; what is there already is not
-- refused. Submits are judged in order, and what is let in counts for those behind it. The caller holds the lock.
CREATE OR REPLACE FUNCTION headrace.full_keys(
  p_tenant text, p_pipeline bigint, p_at bigint[], p_id uuid[], p_key text[], p_keys text[]
) RETURNS TABLE (n bigint, name text)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
  v_taken jsonb := '{}'; -- what this group has let in, by name and key
  v_places text[];
  r record;
  k record;
BEGIN
  FOR r IN
    SELECT i.n, i.keys FROM unnest(p_at) AS w (n)
    JOIN unnest(p_id, p_key, p_keys) WITH ORDINALITY AS i (id, key, keys, n) ON i.n = w.n
    WHERE i.keys IS NOT NULL
      AND NOT EXISTS (SELECT FROM runs u WHERE u.tenant = p_tenant AND u.id = i.id)
      AND NOT EXISTS (SELECT FROM runs u WHERE u.tenant = p_tenant AND u.pipeline = p_pipeline AND u.idempotency_key = i.key)
    ORDER BY i.n
  LOOP
    name := NULL;
    v_places := '{}';
    FOR k IN
      SELECT l.name, l.name || ' ' || e.value AS place, l.most - o.open AS left
      FROM pipelines p CROSS JOIN unnest(p.key_names, p.key_limits, p.key_policies) AS l (name, most, policy)
      JOIN jsonb_each_text(r.keys::jsonb) AS e ON e.key = l.name
      CROSS JOIN LATERAL (SELECT count(*) AS open FROM run_keys x WHERE x.tenant = p_tenant AND x.pipeline = p_pipeline
                          AND x.name = l.name AND x.key = e.value) AS o
      WHERE p.tenant = p_tenant AND p.id = p_pipeline AND l.policy = 'Reject'
    LOOP
      IF k.left <= coalesce((v_taken ->> k.place)::integer, 0) THEN
        name := k.name;
      END IF;
      v_places := v_places || k.place;
    END LOOP;
    IF name IS NOT NULL THEN
      n := r.n;
      RETURN NEXT;
    ELSE
      SELECT v_taken || coalesce(jsonb_object_agg(x, coalesce((v_taken ->> x)::integer, 0) + 1), '{}') INTO v_taken
      FROM unnest(v_places) AS x;
    END IF;
  END LOOP;
END
$$;
