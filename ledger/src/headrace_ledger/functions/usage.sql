-- What has been used of the limits of a tenant (or of the providers: `_platform`); limits per run are left out.
-- Tasks that wait are counted up to a thousand; for a limit of all tenants, of each.
CREATE OR REPLACE FUNCTION headrace.usage(p_tenant text)
RETURNS TABLE (tenant text, owner text, name text, resource text, period text, capacity bigint, enforced boolean, used bigint,
               reserved bigint, shadowed bigint, resets_at timestamptz, digest text, waiting bigint)
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT l.tenant, l.owner, l.name, l.resource, l.period, l.capacity, l.enforced,
           greatest(u.used - coalesce(b.reserved, 0), 0), greatest(least(coalesce(b.reserved, 0), u.used), 0),
           CASE WHEN h.used IS NULL THEN coalesce(b.shadowed, 0) WHEN l.enforced THEN 0 ELSE greatest(h.used - l.capacity, 0) END,
           CASE l.kind
             WHEN 'Calendar' THEN to_timestamp(period_end(l.period, l.zone, n.us) / 1000000.0)
             WHEN 'Sliding' THEN CASE WHEN u.used > 0 THEN to_timestamp(
               frees_at(slide(b.slots, b.at, n.us / l.slot_us, '{}', '{}'), n.us / l.slot_us, l.slot_us, u.used) / 1000000.0) END
           END,
           s.digest,
           coalesce(h.waiting, q.waiting, (SELECT count(*) FROM (
             SELECT FROM tasks t WHERE t.tenant = p_tenant AND t.state = 'parked' AND t.park_limit = l.id LIMIT 1000) AS w))
    FROM limits l
    JOIN limit_sets s ON s.tenant = p_tenant AND s.owner = l.owner
    LEFT JOIN buckets b ON b.tenant = p_tenant AND b.subject = '00000000-0000-0000-0000-000000000000' AND b.limit_id = l.id
    LEFT JOIN (SELECT x.* FROM queued_on_platform() AS x WHERE p_tenant = '_platform') AS q ON q.limit_id = l.id
    CROSS JOIN (SELECT micros(clock_timestamp()) AS us) AS n
    CROSS JOIN LATERAL held(p_tenant, l.resource) AS h
    CROSS JOIN LATERAL (SELECT coalesce(h.used, used_now(l.kind, l.slot_us, b.used, b.at, b.slots, n.us)) AS used) AS u
    WHERE l.tenant = p_tenant AND l.kind <> 'Total'
    ORDER BY l.owner, l.name;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.usage TO headrace_gateway, headrace_operator;
