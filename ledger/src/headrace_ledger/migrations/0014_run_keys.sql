-- How many runs of one key may be open at once: what a pipeline declares of it, and the keys of its open runs.
-- A run of phase -1 waits for one of its keys; it holds all of them from then on until it ends.
ALTER TABLE headrace.pipelines
  ADD COLUMN key_names text[], -- NULL: none are declared
  ADD COLUMN key_limits integer[],
  ADD COLUMN key_policies text[],
  ADD COLUMN keys_due boolean NOT NULL DEFAULT false; -- they were changed: the sweep looks who may begin now
CREATE INDEX pipelines_keys_due ON headrace.pipelines (tenant) WHERE keys_due;

CREATE TABLE headrace.run_keys (
  tenant   text COLLATE "C" NOT NULL,
  run      uuid NOT NULL,
  name     text COLLATE "C" NOT NULL,
  key      text COLLATE "C" NOT NULL,
  pipeline bigint NOT NULL,
  rank     timestamptz NOT NULL,
  held     boolean NOT NULL,
  PRIMARY KEY (tenant, run, name)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX run_keys_held ON headrace.run_keys (tenant, pipeline, name, key, run) WHERE held;
CREATE INDEX run_keys_waiting ON headrace.run_keys (tenant, pipeline, name, key, rank, run) WHERE NOT held;
ALTER TABLE headrace.run_keys ALTER COLUMN tenant SET (n_distinct = 1);

ALTER TABLE headrace.run_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE headrace.run_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON headrace.run_keys
  USING (tenant = (SELECT current_setting('headrace.tenant', true)))
  WITH CHECK (tenant = (SELECT current_setting('headrace.tenant', true)));
CREATE POLICY across_tenants ON headrace.run_keys FOR SELECT TO headrace_definer USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON headrace.run_keys TO headrace_gateway, headrace_definer;
GRANT SELECT, UPDATE, DELETE ON headrace.run_keys TO headrace_operator; -- it ends the runs of what is deleted
GRANT UPDATE (keys_due) ON headrace.pipelines TO headrace_definer;
