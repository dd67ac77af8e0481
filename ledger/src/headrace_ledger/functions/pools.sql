-- Every pool of every tenant, as the gateway knows it.
CREATE OR REPLACE FUNCTION headrace.pools()
RETURNS TABLE (tenant text, pool_id bigint, pipeline_id bigint, pipeline_uid text, namespace text, pipeline text,
               pool text, service_account text, service_account_uid text, scaled_object text, concurrency_per_worker integer, max_replicas integer,
               held boolean, draining boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = headrace, pg_temp AS $$
  SELECT p.tenant, p.id, l.id, l.uid, l.namespace, l.name, p.name, l.service_account, l.service_account_uid,
         p.scaled_object, p.concurrency_per_worker, p.max_replicas, pool_hold(p.tenant, p.id) <> 'None', p.draining
  FROM pools p JOIN pipelines l ON l.tenant = p.tenant AND l.id = p.pipeline
  WHERE l.deleted_at IS NULL
  ORDER BY p.tenant, p.id
$$;
GRANT EXECUTE ON FUNCTION headrace.pools TO headrace_gateway, headrace_operator;
