-- What a call cost, in enough detail to be asked for by pipeline and by day. `pipeline` is the ledger's id of it, empty for
-- calls of before.
ALTER TABLE headrace.calls
  ADD COLUMN cached_input_tokens bigint NOT NULL DEFAULT 0,
  ADD COLUMN reasoning_tokens bigint NOT NULL DEFAULT 0,
  ADD COLUMN price_version text,
  ADD COLUMN pipeline bigint;
CREATE INDEX calls_by_time ON headrace.calls (tenant, at);

-- What remains of calls when their run is forgotten: sums of a UTC day, by the pipeline's name, since its row may go too.
-- An empty currency: calls without a price, whose cost is nothing that is known.
CREATE TABLE headrace.spend (
  tenant              text COLLATE "C" NOT NULL,
  day                 date NOT NULL,
  namespace           text COLLATE "C" NOT NULL,
  pipeline            text COLLATE "C" NOT NULL,
  provider            text COLLATE "C" NOT NULL,
  model               text COLLATE "C" NOT NULL,
  currency            text COLLATE "C" NOT NULL,
  calls               bigint NOT NULL,
  input_tokens        bigint NOT NULL,
  cached_input_tokens bigint NOT NULL,
  output_tokens       bigint NOT NULL,
  reasoning_tokens    bigint NOT NULL,
  cost                numeric NOT NULL,
  PRIMARY KEY (tenant, day, namespace, pipeline, provider, model, currency)
);
ALTER TABLE headrace.spend ENABLE ROW LEVEL SECURITY;
ALTER TABLE headrace.spend FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON headrace.spend
  USING (tenant = (SELECT current_setting('headrace.tenant', true)))
  WITH CHECK (tenant = (SELECT current_setting('headrace.tenant', true)));
GRANT SELECT ON headrace.spend TO headrace_gateway;
GRANT SELECT, INSERT, UPDATE ON headrace.spend TO headrace_definer;
