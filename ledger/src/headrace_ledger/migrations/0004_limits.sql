-- Limits are declared (by tenant, provider or pipeline), buckets count, reservations are what is under way.
-- Amounts are whole numbers: tokens, calls, or billionths of a currency unit.

-- Everything that one owner declares: 'tenant', 'provider/NAME' (under `_platform`) or 'pipeline/UID'.
CREATE TABLE headrace.limit_sets (
  tenant text COLLATE "C" NOT NULL,
  owner  text COLLATE "C" NOT NULL,
  digest text COLLATE "C" NOT NULL,
  at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, owner)
);

-- `kind` says how its bucket counts; `slot_us` is a sixtieth of a sliding window. `spec` is the gateway's to read:
-- whom the limit concerns and what happens at it.
CREATE TABLE headrace.limits (
  tenant   text COLLATE "C" NOT NULL,
  id       bigint GENERATED ALWAYS AS IDENTITY,
  owner    text COLLATE "C" NOT NULL,
  name     text COLLATE "C" NOT NULL,
  resource text COLLATE "C" NOT NULL,
  period   text COLLATE "C" NOT NULL,
  zone     text NOT NULL DEFAULT 'UTC',
  kind     text COLLATE "C" NOT NULL CHECK (kind IN ('Sliding', 'Calendar', 'Concurrency', 'Total')),
  slot_us  bigint CHECK ((slot_us IS NOT NULL) = (kind = 'Sliding')),
  capacity bigint NOT NULL CHECK (capacity >= 0),
  enforced boolean NOT NULL,
  spec     text NOT NULL,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, owner, name),
  FOREIGN KEY (tenant, owner) REFERENCES headrace.limit_sets (tenant, owner) ON DELETE CASCADE
);

-- What has been used of a limit, reservations included. `subject` is the run of a limit per run, else all zeroes.
-- `at` is the number of the newest slot (Sliding) or the end of the period in microseconds (Calendar).
CREATE TABLE headrace.buckets (
  tenant   text COLLATE "C" NOT NULL,
  subject  uuid NOT NULL,
  limit_id bigint NOT NULL,
  used     bigint NOT NULL DEFAULT 0,
  reserved bigint NOT NULL DEFAULT 0,
  at       bigint NOT NULL DEFAULT 0,
  slots    bigint[] NOT NULL DEFAULT '{}',
  shadowed bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, subject, limit_id)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Calls under way: what each holds, and what it is settled at if nobody lives to say.
CREATE TABLE headrace.reservations (
  tenant        text COLLATE "C" NOT NULL,
  id            uuid NOT NULL,
  gateway       uuid NOT NULL,
  at            timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at    timestamptz NOT NULL,
  task          uuid NOT NULL,
  fence         bigint NOT NULL,
  run           uuid NOT NULL,
  step          text COLLATE "C" NOT NULL,
  provider      text NOT NULL,
  model         text NOT NULL,
  input_tokens  bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cost          numeric,
  currency      text,
  shared        boolean[] NOT NULL,
  limits        bigint[] NOT NULL,
  subjects      uuid[] NOT NULL,
  resources     text[] NOT NULL,
  amounts       bigint[] NOT NULL,
  PRIMARY KEY (tenant, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX reservations_due ON headrace.reservations (expires_at);
CREATE INDEX reservations_by_gateway ON headrace.reservations (gateway);

-- Under `_platform`: gateways that live (they hold the reservations), and providers that asked for a pause.
CREATE TABLE headrace.gateways (
  tenant      text COLLATE "C" NOT NULL,
  id          uuid NOT NULL,
  alive_until timestamptz NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE TABLE headrace.cooldowns (
  tenant   text COLLATE "C" NOT NULL,
  provider text COLLATE "C" NOT NULL,
  until    timestamptz NOT NULL,
  reason   text NOT NULL,
  PRIMARY KEY (tenant, provider)
);
ALTER TABLE headrace.tenants ADD COLUMN weight integer NOT NULL DEFAULT 1 CHECK (weight > 0);
-- The limit that a parked task waits for, and how much of it; a task that was let go keeps both until it is claimed.
ALTER TABLE headrace.tasks ADD COLUMN park_limit bigint, ADD COLUMN park_amount bigint;
DROP INDEX headrace.tasks_parked;
CREATE INDEX tasks_parked ON headrace.tasks (ready_at) WHERE state = 'parked' AND park_limit IS NULL;
CREATE INDEX tasks_queued ON headrace.tasks (tenant, park_limit, id) WHERE state = 'parked' AND park_limit IS NOT NULL;
CREATE INDEX tasks_queued_by_pool ON headrace.tasks (tenant, pool) WHERE state = 'parked' AND park_limit IS NOT NULL;
CREATE INDEX tasks_let_go ON headrace.tasks (tenant, park_limit) WHERE state = 'ready' AND park_limit IS NOT NULL;

-- A call that nobody lived to settle is spend at its estimate; so is one that its provider did not count.
ALTER TABLE headrace.calls ADD COLUMN estimated boolean NOT NULL DEFAULT false;

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['limit_sets', 'limits', 'buckets', 'reservations', 'gateways', 'cooldowns'] LOOP
    EXECUTE format('ALTER TABLE headrace.%I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE headrace.%I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format(
      'CREATE POLICY own_tenant ON headrace.%I '
      'USING (tenant = (SELECT current_setting(''headrace.tenant'', true))) '
      'WITH CHECK (tenant = (SELECT current_setting(''headrace.tenant'', true)))', v_table);
    EXECUTE format('CREATE POLICY across_tenants ON headrace.%I FOR SELECT TO headrace_definer USING (true)', v_table);
    EXECUTE format('GRANT SELECT ON headrace.%I TO headrace_definer, headrace_gateway, headrace_operator', v_table);
  END LOOP;
END
$$;
ALTER TABLE headrace.reservations ALTER COLUMN tenant SET (n_distinct = 1);
ALTER TABLE headrace.buckets ALTER COLUMN tenant SET (n_distinct = 1);

GRANT INSERT, UPDATE, DELETE ON headrace.limit_sets, headrace.limits TO headrace_operator;
GRANT DELETE ON headrace.buckets, headrace.cooldowns TO headrace_operator;
GRANT INSERT, UPDATE ON headrace.buckets, headrace.gateways, headrace.cooldowns TO headrace_gateway;
GRANT INSERT, DELETE ON headrace.reservations TO headrace_gateway;
GRANT INSERT, UPDATE, DELETE ON headrace.buckets, headrace.reservations, headrace.gateways, headrace.cooldowns TO headrace_definer;
GRANT INSERT ON headrace.calls TO headrace_definer;
