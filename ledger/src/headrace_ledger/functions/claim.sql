-- Claim for many waiting workers. A retried wish (same worker, same request, same keys) gets the leases that
-- it has already; an earlier empty answer is no result, so it may claim.
CREATE OR REPLACE FUNCTION headrace.claim(
  p_tenant text[], p_pool bigint[], p_by text[], p_first integer[], p_last integer[], p_types text[], p_keys bytea[]
) RETURNS TABLE (n bigint, tenant text, task uuid, fence bigint, run uuid, step text, pool bigint, attempt smallint,
                 key_hash bytea, digest text, input text, steps text[], outputs text[], traceparent text,
                 lease_seconds float8, timeout_seconds float8)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
#variable_conflict use_column
DECLARE
  v_order bigint[] := ARRAY[1]; -- every verb goes tenant by tenant
  k bigint;
  v_keys bytea[];
  v_ids uuid[];
  v_room bigint;
BEGIN
  IF cardinality(p_tenant) > 1 THEN
    v_order := ARRAY(SELECT i.n FROM unnest(p_tenant, p_pool, p_by) WITH ORDINALITY AS i (tenant, pool, who, n)
                     ORDER BY i.tenant COLLATE "C", i.pool, i.who);
  END IF;
  FOREACH k IN ARRAY v_order LOOP
    PERFORM set_config('headrace.tenant', p_tenant[k], true), pg_advisory_xact_lock(hashtextextended(p_by[k], 1));
    v_keys := p_keys[p_first[k]:p_last[k]];
    v_ids := ARRAY(SELECT t.id FROM tasks t
                   WHERE t.key_hash = ANY (v_keys) AND t.state = 'leased' AND t.claimed_by = p_by[k] AND t.tenant = p_tenant[k]);
    IF v_ids = '{}' AND pool_hold(p_tenant[k], p_pool[k]) = 'None' THEN
      v_room := claim_room(p_tenant[k], p_pool[k]);
      v_ids := lease(p_tenant[k], p_pool[k], p_by[k], v_keys[1 : coalesce(v_room, cardinality(v_keys))], string_to_array(p_types[k], ','));
    END IF;
    IF v_ids <> '{}' THEN
      RETURN QUERY SELECT k, l.* FROM leases(p_tenant[k], v_ids) AS l;
    END IF;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.claim TO headrace_gateway;
