-- Of a pool whose tenant has a limit of workers; all NULL without one. `workers_asked` is what its work would take,
-- `workers_share` what of it may claim, `workers_granted` what the autoscaler is told of: a pool keeps what it runs.
ALTER TABLE headrace.pools
  ADD COLUMN workers_asked integer CHECK (workers_asked >= 0),
  ADD COLUMN workers_share integer CHECK (workers_share >= 0),
  ADD COLUMN workers_granted integer CHECK (workers_granted >= 0);
GRANT UPDATE (workers_asked, workers_share, workers_granted) ON headrace.pools TO headrace_gateway;
CREATE INDEX pools_asked ON headrace.pools (tenant) WHERE workers_asked IS NOT NULL;
CREATE INDEX limits_of_workers ON headrace.limits (tenant) WHERE resource = 'workers';

-- How many runs a tenant may have at once is a limit like any other.
ALTER TABLE headrace.tenants DROP COLUMN max_runs;
