-- One transaction at a time says who of a pipeline may begin by its keys, or two would both see the last place.
CREATE OR REPLACE FUNCTION headrace.lock_keys(p_tenant text, p_pipeline bigint) RETURNS void
LANGUAGE sql SET search_path = headrace, pg_temp
RETURN pg_advisory_xact_lock(hashtextextended('headrace.run_keys ' || p_tenant, p_pipeline));
