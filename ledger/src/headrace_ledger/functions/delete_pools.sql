-- Remove pools that left the spec, once no unfinished run can come to them; versions that name one are retired.
CREATE OR REPLACE FUNCTION headrace.delete_pools(p_tenant text) RETURNS integer
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
DECLARE
  v_pools bigint[];
BEGIN
  v_pools := ARRAY(
    SELECT p.id FROM pools p
    WHERE p.tenant = p_tenant AND p.draining AND NOT EXISTS (
      SELECT FROM runs r WHERE r.tenant = p_tenant AND r.pipeline = p.pipeline AND r.phase < 2
        AND EXISTS (SELECT FROM steps s WHERE s.tenant = p_tenant AND s.version = r.version AND s.pool = p.id))
    ORDER BY p.id FOR UPDATE SKIP LOCKED);
  UPDATE versions v SET retired = true
  WHERE v.tenant = p_tenant AND NOT v.retired
    AND EXISTS (SELECT FROM steps s WHERE s.tenant = p_tenant AND s.version = v.id AND s.pool = ANY (v_pools));
  DELETE FROM pool_counts c WHERE c.tenant = p_tenant AND c.pool = ANY (v_pools);
  DELETE FROM pools p WHERE p.tenant = p_tenant AND p.id = ANY (v_pools);
  RETURN cardinality(v_pools);
END
$$;
