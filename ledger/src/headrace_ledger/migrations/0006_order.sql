-- The order of claims is one static key, so that a claim stays a walk on one index. Rows from before have all the same
-- rank: they go by id, which begins with the time of their run.
ALTER TABLE headrace.runs
  ADD COLUMN priority text COLLATE "C" NOT NULL DEFAULT 'Normal',
  ADD COLUMN deadline timestamptz,
  ADD COLUMN rank timestamptz NOT NULL DEFAULT now(),
  ADD CONSTRAINT runs_priority CHECK (priority IN ('Low', 'Normal', 'High'));
CREATE INDEX runs_waiting ON headrace.runs (tenant, pipeline, rank, id) WHERE phase = 0;

DROP INDEX headrace.tasks_ready;
ALTER TABLE headrace.tasks DROP COLUMN priority, ADD COLUMN rank timestamptz NOT NULL DEFAULT now();
CREATE INDEX tasks_ready ON headrace.tasks (tenant, pool, rank, id) WHERE state = 'ready';

-- How many runs of a tenant may be under way at once, over all of its pipelines.
ALTER TABLE headrace.tenants ADD COLUMN max_runs integer CHECK (max_runs > 0);
