-- Everything that one owner declares, as a whole. A limit that stays keeps what has been used of it; one that now counts
-- otherwise begins anew. Raised or gone, it lets parked tasks go at the next turn of the sweep.
CREATE OR REPLACE FUNCTION headrace.put_limits(
  p_tenant text, p_owner text, p_digest text, p_name text[], p_resource text[], p_period text[], p_zone text[],
  p_capacity bigint[], p_enforced boolean[], p_spec text[],
  p_cohort text[] DEFAULT NULL, p_borrowing bigint[] DEFAULT NULL, p_lending bigint[] DEFAULT NULL -- none: an operator of before 0010
) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  IF p_name = '{}' THEN
    DELETE FROM buckets b USING limits l
    WHERE b.tenant = p_tenant AND l.tenant = p_tenant AND l.owner = p_owner AND b.limit_id = l.id;
    DELETE FROM limit_sets s WHERE s.tenant = p_tenant AND s.owner = p_owner;
    RETURN;
  END IF;
  INSERT INTO limit_sets (tenant, owner, digest) VALUES (p_tenant, p_owner, p_digest)
  ON CONFLICT (tenant, owner) DO UPDATE SET digest = excluded.digest, at = now();
  WITH wanted AS (
    SELECT x.*, CASE x.period WHEN 'None' THEN 'Concurrency' WHEN 'Run' THEN 'Total'
                              WHEN 'CalendarDay' THEN 'Calendar' WHEN 'CalendarMonth' THEN 'Calendar' ELSE 'Sliding' END AS kind,
           CASE x.period WHEN '1s' THEN 1000000 WHEN '1m' THEN 60000000 WHEN '1h' THEN 3600000000
                         WHEN '1d' THEN 86400000000 END / 60 AS slot_us
    FROM unnest(p_name, p_resource, p_period, p_zone, p_capacity, p_enforced, p_spec, p_cohort, p_borrowing, p_lending)
      AS x (name, resource, period, zone, capacity, enforced, spec, cohort, borrowing, lending)
  ), other AS (
    DELETE FROM limits l USING limits o LEFT JOIN wanted w ON w.name = o.name
    WHERE o.tenant = p_tenant AND o.owner = p_owner AND l.tenant = p_tenant AND l.id = o.id
      AND (w.name IS NULL OR (w.resource, w.period, w.zone) <> (o.resource, o.period, o.zone))
    RETURNING l.id
  ), forgotten AS (
    DELETE FROM buckets b USING other o WHERE b.tenant = p_tenant AND b.limit_id = o.id
  ), kept AS (
    UPDATE limits l
    SET capacity = w.capacity, enforced = w.enforced, spec = w.spec, cohort = w.cohort, borrowing = w.borrowing, lending = w.lending
    FROM wanted w
    WHERE l.tenant = p_tenant AND l.owner = p_owner AND l.name = w.name
      AND (w.resource, w.period, w.zone) = (l.resource, l.period, l.zone)
    RETURNING l.name
  )
  INSERT INTO limits (tenant, owner, name, resource, period, zone, kind, slot_us, capacity, enforced, spec, cohort, borrowing, lending)
  SELECT p_tenant, p_owner, w.name, w.resource, w.period, w.zone, w.kind, w.slot_us, w.capacity, w.enforced, w.spec,
         w.cohort, w.borrowing, w.lending
  FROM wanted w
  WHERE w.name NOT IN (SELECT k.name FROM kept k) AND (SELECT count(*) FROM other) >= 0;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.put_limits TO headrace_operator;
