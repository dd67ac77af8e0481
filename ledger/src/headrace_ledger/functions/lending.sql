-- Of the limits of a tenant that are in a cohort: what each may borrow at this moment and at most, and what it has lent.
CREATE OR REPLACE FUNCTION headrace.lending(p_tenant text)
RETURNS TABLE (owner text, name text, borrowable bigint, most_borrowable bigint, lent bigint)
LANGUAGE plpgsql SET search_path = headrace, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  RETURN QUERY
    SELECT l.owner, l.name, x.room, x.most, x.lent FROM limits l CROSS JOIN LATERAL borrowable(l.cohort, l.id) AS x
    WHERE l.tenant = p_tenant AND l.cohort IS NOT NULL;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.lending TO headrace_gateway, headrace_operator;
