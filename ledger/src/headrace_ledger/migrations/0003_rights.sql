-- One policy for everybody, the owner included: the rows of the tenant that this transaction has set.
-- The setting is read once per statement (an InitPlan), so the policy is an index condition.
-- No tenant set = NULL = no rows.
DO $$
DECLARE
  v_table text;
BEGIN
  FOR v_table IN
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'headrace'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_versions'
  LOOP
    EXECUTE format('ALTER TABLE headrace.%I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE headrace.%I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format(
      'CREATE POLICY own_tenant ON headrace.%I '
      'USING (tenant = (SELECT current_setting(''headrace.tenant'', true))) '
      'WITH CHECK (tenant = (SELECT current_setting(''headrace.tenant'', true)))', v_table);
  END LOOP;
END
$$;

-- What has no single tenant (the sweep, counts, look-ups by key, prefix and namespace) is a short list
-- of SECURITY DEFINER functions. Their owner may read these tables across tenants, and nothing more:
-- whatever it writes, it writes with one tenant set, under the policy above like everybody else.
DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['tenants', 'namespaces', 'providers', 'pipelines', 'versions', 'pools',
                                 'pool_counts', 'steps', 'runs', 'tasks', 'api_keys'] LOOP
    EXECUTE format('CREATE POLICY across_tenants ON headrace.%I FOR SELECT TO headrace_definer USING (true)', v_table);
  END LOOP;
END
$$;

GRANT USAGE ON SCHEMA headrace TO headrace_definer, headrace_gateway, headrace_operator;
GRANT SELECT ON ALL TABLES IN SCHEMA headrace TO headrace_definer, headrace_gateway, headrace_operator;

GRANT INSERT, UPDATE ON headrace.runs, headrace.tasks, headrace.pool_counts TO headrace_gateway;
GRANT INSERT ON headrace.inputs, headrace.outputs, headrace.events, headrace.calls TO headrace_gateway;
GRANT INSERT, UPDATE ON headrace.api_keys TO headrace_gateway;

GRANT INSERT, UPDATE, DELETE ON headrace.tenants, headrace.namespaces, headrace.providers, headrace.pipelines,
  headrace.versions, headrace.steps, headrace.pools, headrace.pool_counts TO headrace_operator;
GRANT UPDATE ON headrace.runs, headrace.tasks TO headrace_operator;
GRANT INSERT ON headrace.events TO headrace_operator;
REVOKE SELECT ON headrace.inputs, headrace.outputs, headrace.calls, headrace.api_keys FROM headrace_operator;

GRANT INSERT, UPDATE, DELETE ON headrace.runs, headrace.tasks, headrace.pool_counts, headrace.pools,
  headrace.pipelines, headrace.versions, headrace.steps, headrace.events TO headrace_definer;
GRANT DELETE ON headrace.inputs, headrace.outputs, headrace.calls TO headrace_definer;
