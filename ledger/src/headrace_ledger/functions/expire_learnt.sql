-- Forget limits that their provider has not said for a quarter of an hour. A bucket that a call has locked is left for the
-- next turn: the sweep, which asks this, holds locks that such a call may wait for.
CREATE OR REPLACE FUNCTION headrace.expire_learnt() RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
DECLARE
  v_ids bigint[];
BEGIN
  PERFORM set_config('headrace.tenant', '_platform', true);
  v_ids := ARRAY(SELECT l.id FROM limits l WHERE l.tenant = '_platform' AND l.learnt_at < now() - interval '15 min'
                 ORDER BY l.id FOR UPDATE SKIP LOCKED);
  IF v_ids = '{}' THEN
    RETURN;
  END IF;
  WITH free AS MATERIALIZED (
    SELECT b.limit_id FROM buckets b WHERE b.tenant = '_platform' AND b.limit_id = ANY (v_ids) FOR UPDATE SKIP LOCKED
  )
  SELECT coalesce(array_agg(x.id), '{}') INTO v_ids FROM unnest(v_ids) AS x (id)
  WHERE (SELECT count(*) FROM free f WHERE f.limit_id = x.id)
      = (SELECT count(*) FROM buckets b WHERE b.tenant = '_platform' AND b.limit_id = x.id);
  DELETE FROM buckets b WHERE b.tenant = '_platform' AND b.limit_id = ANY (v_ids);
  DELETE FROM limits l WHERE l.tenant = '_platform' AND l.id = ANY (v_ids);
END
$$;
