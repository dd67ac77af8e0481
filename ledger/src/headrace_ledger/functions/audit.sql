-- Pools whose kept counters differ from their rows: none, ever. One statement, so one snapshot, so no lock.
CREATE OR REPLACE FUNCTION headrace.audit()
RETURNS TABLE (tenant text, pool_id bigint, kept bigint[], counted bigint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT p.tenant, p.id, k.sums, c.sums
  FROM pools p
  CROSS JOIN LATERAL (
    SELECT ARRAY[coalesce(sum(x.ready), 0), coalesce(sum(x.running), 0), coalesce(sum(x.parked), 0),
                 coalesce(sum(x.dead), 0)]::bigint[] AS sums
    FROM pool_counts x WHERE x.tenant = p.tenant AND x.pool = p.id
  ) AS k
  CROSS JOIN LATERAL (
    SELECT ARRAY[count(*) FILTER (WHERE t.state = 'ready'), count(*) FILTER (WHERE t.state = 'leased'),
                 count(*) FILTER (WHERE t.state = 'parked'), count(*) FILTER (WHERE t.state = 'dead')] AS sums
    FROM tasks t WHERE t.tenant = p.tenant AND t.pool = p.id
  ) AS c
  WHERE k.sums <> c.sums
$$;
GRANT EXECUTE ON FUNCTION headrace.audit TO headrace_gateway, headrace_operator;
