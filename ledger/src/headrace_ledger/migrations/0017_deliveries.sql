-- What webhooks of budgets are told: each row once, and kept until its window is over, so that it is not told again in it.
-- `name` is the limit's; the amounts are billionths of the currency. `next_at` is when it may be tried: in the future while
-- a gateway is at it or a failed try is waited out, and NULL once it has been told or given up.
CREATE TABLE headrace.deliveries (
  tenant     text COLLATE "C" NOT NULL,
  id         uuid NOT NULL DEFAULT gen_random_uuid(),
  name       text COLLATE "C" NOT NULL,
  amount     bigint NOT NULL,
  percent    integer NOT NULL,
  exhausted  boolean NOT NULL,
  window_end timestamptz NOT NULL,
  spent      bigint NOT NULL,
  currency   text NOT NULL,
  at         timestamptz NOT NULL DEFAULT now(),
  tries      integer NOT NULL DEFAULT 0,
  next_at    timestamptz DEFAULT now(),
  told_at    timestamptz,
  PRIMARY KEY (tenant, name, amount, percent, exhausted, window_end),
  UNIQUE (tenant, id)
);
CREATE INDEX deliveries_due ON headrace.deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_over ON headrace.deliveries (window_end) WHERE next_at IS NULL;
CREATE INDEX limits_told ON headrace.limits (tenant, id) WHERE owner = 'tenant' AND spec LIKE '%"webhook":{%';

ALTER TABLE headrace.deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE headrace.deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON headrace.deliveries
  USING (tenant = (SELECT current_setting('headrace.tenant', true)))
  WITH CHECK (tenant = (SELECT current_setting('headrace.tenant', true)));
CREATE POLICY across_tenants ON headrace.deliveries FOR SELECT TO headrace_definer USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON headrace.deliveries TO headrace_definer;
GRANT SELECT, INSERT, UPDATE ON headrace.deliveries TO headrace_gateway;
GRANT SELECT, DELETE ON headrace.deliveries TO headrace_operator; -- they go with their tenant
