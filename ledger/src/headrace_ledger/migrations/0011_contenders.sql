-- Under `_platform`: limits of all tenants that some of them were refused, with each tenant that calls there. While a limit
-- has rows here, what each uses of it is counted apart, and each may use a share of it. Until `until` one wants all of its
-- share, since it was refused; after that as much as it had at most: `needs` since `since`, `before` in the time before.
CREATE TABLE headrace.contenders (
  tenant    text COLLATE "C" NOT NULL,
  limit_id  bigint NOT NULL,
  contender text COLLATE "C" NOT NULL,
  until     timestamptz NOT NULL,
  needs     bigint NOT NULL,
  before    bigint NOT NULL DEFAULT 0,
  since     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, limit_id, contender)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE headrace.contenders ENABLE ROW LEVEL SECURITY;
ALTER TABLE headrace.contenders FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON headrace.contenders
  USING (tenant = (SELECT current_setting('headrace.tenant', true)))
  WITH CHECK (tenant = (SELECT current_setting('headrace.tenant', true)));
CREATE POLICY across_tenants ON headrace.contenders FOR SELECT TO headrace_definer USING (true);
GRANT SELECT ON headrace.contenders TO headrace_gateway, headrace_operator, headrace_definer;
GRANT INSERT, UPDATE ON headrace.contenders TO headrace_gateway;
GRANT DELETE ON headrace.contenders TO headrace_operator;
GRANT INSERT, UPDATE, DELETE ON headrace.contenders TO headrace_definer;
