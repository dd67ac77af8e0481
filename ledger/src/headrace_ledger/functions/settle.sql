-- Decide what becomes of a leased task whose attempt did not succeed; run and task are locked by the caller.
-- This is the one place for it: `fail`, `release`, a marked `complete` and the sweep all end here.
-- After the park mark whatever happens is the park. Returns the outcome, and whether the run ended with it.
CREATE OR REPLACE FUNCTION headrace.settle(
  p_tenant text, p_task uuid, p_action text, p_class text, p_message text, p_jitter float8, p_delay float8, p_by text,
  OUT outcome text, OUT ended boolean
)
LANGUAGE plpgsql SET search_path = headrace, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_material = off AS $$
DECLARE
  t tasks;
  v record;
  v_action text := p_action;
  v_class text := p_class;
  v_message text := p_message;
  v_reason text;
  v_until timestamptz := now();
  v_state text := 'ready';
  v_attempts integer;
  v_losses integer;
  v_parks integer;
  v_tries integer := 0; -- how many, when the next one has a back-off
BEGIN
  SELECT * INTO t FROM tasks k WHERE k.tenant = p_tenant AND k.id = p_task;
  SELECT w.max_attempts, w.backoff_initial_seconds, w.backoff_max_seconds INTO v FROM versions w
  WHERE w.tenant = p_tenant AND w.id = t.version;
  v_attempts := t.attempts;
  v_losses := t.losses;
  v_parks := t.idle_parks;
  IF t.park_until IS NOT NULL THEN
    v_action := 'Park';
    v_class := 'RateLimited';
    v_message := t.park_reason;
  END IF;

  CASE v_action
    WHEN 'Park' THEN
      outcome := 'Parked';
      v_state := 'parked';
      v_reason := coalesce(t.park_reason, v_class);
      v_until := coalesce(t.park_until, now() + make_interval(secs => coalesce(p_delay, 15 + 30 * p_jitter)));
      -- Only what a provider said to this very call may be a sign of a limit that is too small: a limit of ours says
      -- so itself, and a provider that cools or is held has not been asked.
      v_parks := v_parks + (t.park_limit IS NULL AND coalesce(t.park_reason, 'RateLimited') = 'RateLimited')::int;
      IF v_parks >= 3 THEN
        v_state := 'dead';
        v_message := 'LimitTooSmall: parked three times without any progress, last for ' || v_reason;
        v_reason := 'LimitTooSmall';
      END IF;
    WHEN 'Retry' THEN
      outcome := 'Retry';
      v_attempts := v_attempts + 1;
      v_tries := v_attempts;
      v_state := CASE WHEN v_attempts >= v.max_attempts THEN 'dead' ELSE 'ready' END;
    WHEN 'Resume' THEN
      outcome := 'Retry';
      v_losses := v_losses + 1;
      -- The sweep has no name: a lease that ran out has waited long enough.
      v_tries := CASE WHEN p_by IS NULL THEN 0 ELSE v_losses END;
      IF v_losses >= 5 THEN
        v_state := 'dead';
        v_reason := 'PoisonSuspected';
        v_message := 'PoisonSuspected: the step was cut off five times, last: ' || coalesce(v_message, v_class);
      END IF;
    WHEN 'Release' THEN
      outcome := 'Released';
    ELSE
      v_state := 'dead';
  END CASE;
  IF v_tries > 0 AND v_state = 'ready' THEN
    v_until := now() + make_interval(secs => coalesce(
      p_delay, p_jitter * least(v.backoff_max_seconds, v.backoff_initial_seconds * 2 ^ least(v_tries - 1, 62))));
    IF v_until > now() THEN
      v_state := 'parked';
      v_reason := 'Backoff';
    END IF;
  END IF;
  IF v_state = 'dead' THEN
    outcome := 'Dead';
  END IF;
  ended := v_state = 'dead';

  UPDATE tasks k
  SET state = v_state, attempts = v_attempts, losses = v_losses, idle_parks = v_parks, finished_by = p_by, answer = outcome,
      key_hash = NULL, park_until = NULL, park_reason = CASE WHEN v_state = 'parked' THEN v_reason END,
      park_limit = CASE WHEN v_state = 'parked' THEN k.park_limit END,
      park_amount = CASE WHEN v_state = 'parked' THEN k.park_amount END,
      ready_at = CASE WHEN v_state = 'parked' THEN v_until ELSE k.ready_at END,
      error_class = CASE WHEN v_action = 'Release' THEN k.error_class ELSE v_class END,
      message = CASE WHEN v_action = 'Release' THEN k.message ELSE v_message END
  WHERE k.tenant = p_tenant AND k.id = p_task;
  PERFORM tally(p_tenant, ARRAY[t.pool], ARRAY[(v_state = 'ready')::int::bigint], ARRAY[-1::bigint],
                ARRAY[(v_state = 'parked')::int::bigint], ARRAY[(v_state = 'dead')::int::bigint]);
  PERFORM tell(
    p_tenant, t.run,
    CASE WHEN v_action = 'Release' THEN 'step.released'
         WHEN v_action = 'Park' AND NOT ended THEN 'step.parked' ELSE 'step.failed' END,
    t.no,
    json_strip_nulls(json_build_object(
      'errorClass', v_class, 'message', v_message, 'attempt', t.attempts + 1,
      'action', CASE WHEN ended THEN 'DeadLetter' WHEN v_action NOT IN ('Park', 'Release') THEN v_action END,
      'reason', v_reason, 'resumesAt', CASE WHEN v_state = 'parked' THEN v_until END))::text);
  IF ended THEN
    PERFORM end_run(p_tenant, t.run, 'Failed', v_class, v_message);
  END IF;
END
$$;
