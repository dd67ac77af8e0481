-- How many more tasks a pool may run: what it has of the tenant's workers has slots for; less than none where it
-- runs more by now, NULL for no bound.
CREATE OR REPLACE FUNCTION headrace.claim_room(p_tenant text, p_pool bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  v_slots bigint;
BEGIN
  -- The share says who is to have how much, the grant what of it the others have let go by now.
  SELECT least(p.workers_share, p.workers_granted)::bigint * p.concurrency_per_worker INTO v_slots FROM pools p
  WHERE p.tenant = p_tenant AND p.id = p_pool;
  IF v_slots IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN v_slots - (SELECT coalesce(sum(c.running), 0) FROM pool_counts c WHERE c.tenant = p_tenant AND c.pool = p_pool);
END
$$;
