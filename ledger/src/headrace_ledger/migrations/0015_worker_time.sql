-- How long a pipeline's workers were ready, and what that cost by the tenant's price of them: sums of a UTC day.
CREATE TABLE headrace.worker_time (
  tenant    text COLLATE "C" NOT NULL,
  day       date NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  pipeline  text COLLATE "C" NOT NULL,
  pool      text COLLATE "C" NOT NULL,
  currency  text COLLATE "C" NOT NULL,
  seconds   numeric NOT NULL,
  cost      numeric NOT NULL,
  PRIMARY KEY (tenant, day, namespace, pipeline, pool, currency)
);
ALTER TABLE headrace.pools
  ADD COLUMN counted_at timestamptz, -- when its ready workers were last counted
  ADD COLUMN counted integer NOT NULL DEFAULT 0; -- and how many there were
ALTER TABLE headrace.worker_time ENABLE ROW LEVEL SECURITY;
ALTER TABLE headrace.worker_time FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON headrace.worker_time
  USING (tenant = (SELECT current_setting('headrace.tenant', true)))
  WITH CHECK (tenant = (SELECT current_setting('headrace.tenant', true)));
GRANT SELECT ON headrace.worker_time TO headrace_gateway;
GRANT SELECT, INSERT, UPDATE ON headrace.worker_time TO headrace_operator;
