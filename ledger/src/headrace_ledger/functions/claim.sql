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
  w record;
  v_keys bytea[];
  v_ids uuid[];
BEGIN
  FOR w IN
    SELECT i.* FROM unnest(p_tenant, p_pool, p_by, p_first, p_last, p_types)
      WITH ORDINALITY AS i (tenant, pool, who, first, last, types, n)
    ORDER BY i.tenant COLLATE "C", i.pool, i.who
  LOOP
    PERFORM set_config('headrace.tenant', w.tenant, true), pg_advisory_xact_lock(hashtextextended(w.who, 1));
    v_keys := p_keys[w.first:w.last];
    v_ids := ARRAY(SELECT t.id FROM tasks t
                   WHERE t.key_hash = ANY (v_keys) AND t.state = 'leased' AND t.claimed_by = w.who AND t.tenant = w.tenant);
    IF v_ids = '{}' AND pool_hold(w.tenant, w.pool) = 'None' THEN
      v_ids := lease(w.tenant, w.pool, w.who, v_keys, string_to_array(w.types, ','));
    END IF;
    IF v_ids <> '{}' THEN
      RETURN QUERY SELECT w.n, l.* FROM leases(w.tenant, v_ids) AS l;
    END IF;
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.claim TO headrace_gateway;
