-- How many workers of a pool its limits of calls can feed, and by which limit; NULL while they can feed as many as it may have.
ALTER TABLE headrace.pools
  ADD COLUMN workers_fed integer CHECK (workers_fed >= 0),
  ADD COLUMN workers_fed_by text;
GRANT UPDATE (workers_fed, workers_fed_by) ON headrace.pools TO headrace_gateway;
