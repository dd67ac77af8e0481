-- Only the tenant of this UID: a younger one of the same name is another tenant.
-- Its namespaces, API keys and limits go with it, and what was counted of it apart.
CREATE OR REPLACE FUNCTION headrace.delete_tenant(p_tenant text, p_uid text) RETURNS void
LANGUAGE plpgsql SET search_path = headrace, pg_temp AS $$
BEGIN
  PERFORM set_config('headrace.tenant', p_tenant, true);
  DELETE FROM tenants t WHERE t.tenant = p_tenant AND t.uid = p_uid;
  IF FOUND THEN
    DELETE FROM limit_sets s WHERE s.tenant = p_tenant;
    DELETE FROM buckets b WHERE b.tenant = p_tenant;
    DELETE FROM deliveries d WHERE d.tenant = p_tenant;
    PERFORM set_config('headrace.tenant', '_platform', true);
    DELETE FROM buckets b WHERE b.tenant = '_platform' AND b.subject = share_subject(p_tenant);
    DELETE FROM contenders c WHERE c.tenant = '_platform' AND c.contender = p_tenant;
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION headrace.delete_tenant TO headrace_operator;
