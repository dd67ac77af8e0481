-- Everything begins with `tenant`. Text keys compare by bytes ("C"): faster, and the same everywhere.
-- Hot tables (runs, tasks, pool_counts) have no foreign keys: a check per row and per verb would cost
-- more than the row, and every writer is one of our functions. Documents live in their own tables.

CREATE TABLE headrace.tenants (
  tenant      text COLLATE "C" PRIMARY KEY,
  uid         text NOT NULL,
  stop_policy text NOT NULL DEFAULT 'None' CHECK (stop_policy IN ('None', 'Hold', 'HoldAndDrain')),
  updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE headrace.namespaces (
  tenant    text COLLATE "C" NOT NULL REFERENCES headrace.tenants (tenant) ON DELETE CASCADE,
  namespace text COLLATE "C" NOT NULL,
  since     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant, namespace)
);
CREATE INDEX namespaces_by_name ON headrace.namespaces (namespace);

-- Under the reserved tenant `_platform`: shared by all, written by the operator.
CREATE TABLE headrace.providers (
  tenant     text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  uid        text NOT NULL,
  spec       text NOT NULL,
  digest     text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);

-- A deleted pipeline stays as a tombstone (`deleted_at`) until its last finished run has expired.
CREATE TABLE headrace.pipelines (
  tenant              text COLLATE "C" NOT NULL,
  id                  bigint GENERATED ALWAYS AS IDENTITY,
  uid                 text COLLATE "C" NOT NULL,
  namespace           text COLLATE "C" NOT NULL,
  name                text COLLATE "C" NOT NULL,
  generation          bigint NOT NULL,
  version             bigint,
  service_account     text NOT NULL,
  service_account_uid text NOT NULL,
  stop_policy         text NOT NULL DEFAULT 'None' CHECK (stop_policy IN ('None', 'Hold', 'HoldAndDrain')),
  max_concurrent_runs integer CHECK (max_concurrent_runs > 0),
  deleting_since      timestamptz,
  deleted_at          timestamptz,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, uid)
);
CREATE INDEX pipelines_by_name ON headrace.pipelines (namespace, name);

-- A compiled pipeline. Step `no` is bit `no - 1` of every mask: which steps a run has finished, and
-- which are due, is arithmetic on one row instead of a walk over its tasks.
CREATE TABLE headrace.versions (
  tenant                  text COLLATE "C" NOT NULL,
  id                      bigint GENERATED ALWAYS AS IDENTITY,
  pipeline                bigint NOT NULL,
  digest                  text COLLATE "C" NOT NULL,
  compiled                text NOT NULL,
  all_steps               bigint NOT NULL,
  first_steps             bigint NOT NULL,
  first_pools             bigint[] NOT NULL,
  first_counts            bigint[] NOT NULL,
  max_attempts            integer NOT NULL CHECK (max_attempts > 0),
  backoff_initial_seconds float8 NOT NULL,
  backoff_max_seconds     float8 NOT NULL,
  run_seconds             float8 NOT NULL,
  result_seconds          float8 NOT NULL,
  retired                 boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, pipeline, digest),
  FOREIGN KEY (tenant, pipeline) REFERENCES headrace.pipelines (tenant, id) ON DELETE CASCADE
);
CREATE INDEX versions_by_digest ON headrace.versions (tenant, digest);

CREATE TABLE headrace.pools (
  tenant                 text COLLATE "C" NOT NULL,
  id                     bigint GENERATED ALWAYS AS IDENTITY,
  pipeline               bigint NOT NULL,
  name                   text COLLATE "C" NOT NULL,
  concurrency_per_worker integer NOT NULL,
  max_replicas           integer NOT NULL,
  scaled_object          text NOT NULL,
  draining               boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, pipeline, name),
  FOREIGN KEY (tenant, pipeline) REFERENCES headrace.pipelines (tenant, id) ON DELETE CASCADE
);

CREATE TABLE headrace.steps (
  tenant          text COLLATE "C" NOT NULL,
  version         bigint NOT NULL,
  no              smallint NOT NULL CHECK (no BETWEEN 1 AND 64),
  name            text COLLATE "C" NOT NULL,
  type            text COLLATE "C" NOT NULL,
  pool            bigint NOT NULL,
  bit             bigint NOT NULL,
  needs           bigint NOT NULL,
  sink            boolean NOT NULL,
  timeout_seconds float8 NOT NULL,
  PRIMARY KEY (tenant, version, no),
  FOREIGN KEY (tenant, version) REFERENCES headrace.versions (tenant, id) ON DELETE CASCADE
);
CREATE INDEX steps_by_pool ON headrace.steps (tenant, pool);

-- Kept, never counted. Several rows a pool: each connection adds to its own, readers sum.
CREATE TABLE headrace.pool_counts (
  tenant  text COLLATE "C" NOT NULL,
  pool    bigint NOT NULL,
  shard   smallint NOT NULL,
  ready   bigint NOT NULL DEFAULT 0,
  running bigint NOT NULL DEFAULT 0,
  parked  bigint NOT NULL DEFAULT 0,
  dead    bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, pool, shard)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- `phase` is 0 while a run waits for `maxConcurrentRuns`, 1 while it is open, and 2, 3 or 4 when it is over: succeeded,
-- failed or cancelled, so that each of them can be listed without a look at the others; `due_at` is when it
-- is too late while it is open, and when it is forgotten after. So two narrow indexes serve the list, the limit, the
-- drain and the sweep, and neither changes when a step starts or ends.
CREATE TABLE headrace.runs (
  tenant          text COLLATE "C" NOT NULL,
  id              uuid NOT NULL,
  pipeline        bigint NOT NULL,
  version         bigint NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  due_at          timestamptz NOT NULL,
  started_at      timestamptz,
  finished_at     timestamptz,
  every           bigint NOT NULL,
  made            bigint NOT NULL,
  finished        bigint NOT NULL DEFAULT 0,
  seq             integer NOT NULL DEFAULT 1,
  phase           smallint NOT NULL,
  status          text COLLATE "C" NOT NULL DEFAULT 'Pending',
  body_hash       bytea NOT NULL,
  traceparent     text NOT NULL,
  idempotency_key text COLLATE "C",
  error_class     text,
  message         text,
  PRIMARY KEY (tenant, id),
  CONSTRAINT runs_phase CHECK ((phase >= 2) = (finished_at IS NOT NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX runs_by_pipeline ON headrace.runs (tenant, pipeline, phase, id);
CREATE INDEX runs_due ON headrace.runs (due_at);
CREATE UNIQUE INDEX runs_by_key ON headrace.runs (tenant, pipeline, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE headrace.inputs (
  tenant text COLLATE "C" NOT NULL,
  run    uuid NOT NULL,
  input  text NOT NULL,
  PRIMARY KEY (tenant, run)
);

CREATE TABLE headrace.outputs (
  tenant text COLLATE "C" NOT NULL,
  run    uuid NOT NULL,
  no     smallint NOT NULL,
  output text NOT NULL,
  PRIMARY KEY (tenant, run, no)
);

CREATE TABLE headrace.events (
  tenant text COLLATE "C" NOT NULL,
  run    uuid NOT NULL,
  seq    integer NOT NULL,
  at     timestamptz NOT NULL DEFAULT now(),
  no     smallint,
  type   text COLLATE "C" NOT NULL,
  data   text NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant, run, seq)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);

-- The queue. `lease_until` is in no index, so that a heartbeat stays in its page.
-- Waiting for a time (a park, a back-off) is `parked`, so that `ready` means "now". A run's tasks are found by
-- their computed ids (see `task_id`), which saves an index on the run.
CREATE TABLE headrace.tasks (
  tenant      text COLLATE "C" NOT NULL,
  id          uuid NOT NULL,
  run         uuid NOT NULL,
  pool        bigint NOT NULL,
  version     bigint NOT NULL,
  fence       bigint NOT NULL DEFAULT 0,
  ready_at    timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz,
  deadline    timestamptz,
  park_until  timestamptz,
  timeout_seconds real NOT NULL,
  no          smallint NOT NULL,
  priority    smallint NOT NULL DEFAULT 0,
  attempts    smallint NOT NULL DEFAULT 0,
  losses      smallint NOT NULL DEFAULT 0,
  idle_parks  smallint NOT NULL DEFAULT 0,
  state       text COLLATE "C" NOT NULL,
  type        text COLLATE "C" NOT NULL,
  key_hash    bytea,
  claimed_by  text COLLATE "C",
  finished_by text COLLATE "C",
  answer      text COLLATE "C",
  park_reason text,
  error_class text,
  message     text,
  PRIMARY KEY (tenant, id),
  CONSTRAINT tasks_state CHECK (state IN ('waiting', 'ready', 'leased', 'parked', 'done', 'skipped', 'dead', 'cancelled'))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX tasks_ready ON headrace.tasks (tenant, pool, priority DESC, ready_at, id) WHERE state = 'ready';
CREATE INDEX tasks_leased ON headrace.tasks (key_hash) WHERE state = 'leased';
CREATE INDEX tasks_parked ON headrace.tasks (ready_at) WHERE state = 'parked';

-- Finished model calls: what was spent, and the answers that a step gets again when it is run again.
-- Only a `live` one (recorded under a good fence, and a success) is ever given again.
CREATE TABLE headrace.calls (
  tenant        text COLLATE "C" NOT NULL,
  id            uuid NOT NULL,
  run           uuid NOT NULL,
  step          text COLLATE "C" NOT NULL,
  request_hash  bytea NOT NULL,
  idx           integer NOT NULL,
  attempt       smallint NOT NULL,
  live          boolean NOT NULL,
  task          uuid NOT NULL,
  fence         bigint NOT NULL,
  at            timestamptz NOT NULL DEFAULT now(),
  provider      text NOT NULL,
  model         text NOT NULL,
  status        integer NOT NULL,
  streamed      boolean NOT NULL,
  input_tokens  bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cost          numeric,
  currency      text,
  duration_ms   bigint NOT NULL,
  response      bytea NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX calls_by_run ON headrace.calls (tenant, run);
CREATE UNIQUE INDEX calls_live ON headrace.calls (tenant, run, step, attempt, request_hash, idx) WHERE live;

-- They go with their tenant: a later one of that name is another.
CREATE TABLE headrace.api_keys (
  tenant     text COLLATE "C" NOT NULL REFERENCES headrace.tenants (tenant) ON DELETE CASCADE,
  id         text COLLATE "C" NOT NULL,
  prefix     text COLLATE "C" NOT NULL,
  hash       bytea NOT NULL,
  name       text NOT NULL,
  scopes     text[] NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX api_keys_by_prefix ON headrace.api_keys (prefix);

-- Plans are kept for long, and must never count on a tenant's having few rows: what ANALYZE finds before a backlog
-- comes is wrong after it. So every tenant counts as one that has them all.
DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['runs', 'inputs', 'outputs', 'events', 'tasks', 'calls'] LOOP
    EXECUTE format('ALTER TABLE headrace.%I ALTER COLUMN tenant SET (n_distinct = 1)', v_table);
  END LOOP;
END
$$;
