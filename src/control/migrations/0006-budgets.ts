import type { Knex } from 'knex';

/**
 * One row per (connection, tenant) for the rate budget and the circuit breaker, shared by all workers; rows of a
 * narrower `quota` (an endpoint's, a channel's) have a budget only. Times are milliseconds of the database's clock.
 * docs/explanation/budget-and-breaker.md says how it works.
 */
export const name = '0006-budgets';

export async function up(db: Knex): Promise<void> {
  await db.raw(table);
  await db.raw(acquire);
  await db.raw(report);
  await db.raw(hold);
}

const table = `
  CREATE TABLE control.budgets (
    connection   text NOT NULL,
    tenant       text NOT NULL,
    quota        text NOT NULL DEFAULT '',
    -- as declared: null = no rate
    rate         jsonb,
    interval_ms  float8 NOT NULL DEFAULT 0,
    burst_ms     float8 NOT NULL DEFAULT 0,
    grace_ms     float8 NOT NULL DEFAULT 0,
    breaker      jsonb NOT NULL,
    -- GCRA: the theoretical arrival time
    tat_ms       float8 NOT NULL DEFAULT 0,
    -- the vendor's own word: so much is left of its quota until then
    quota_size   float8,
    remaining    float8,
    resets_ms    float8 NOT NULL DEFAULT 0,
    -- the breaker
    state        text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed','open','half_open')),
    epoch        bigint NOT NULL DEFAULT 0,
    outage       bigint NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0,
    window_ms    float8 NOT NULL DEFAULT 0,
    window_ok    integer NOT NULL DEFAULT 0,
    window_failed integer NOT NULL DEFAULT 0,
    opened_ms    float8,
    open_for_ms  float8 NOT NULL DEFAULT 0,
    probe_ms     float8 NOT NULL DEFAULT 0,
    last_error   text,
    -- the outage that was told of last, and the run in whose name
    alerted      jsonb,
    PRIMARY KEY (connection, tenant, quota)
  ) WITH (fillfactor = 50);

  CREATE FUNCTION control.budget_clock() RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$
  BEGIN
    RETURN extract(epoch FROM clock_timestamp()) * 1000;
  END $$;

  CREATE FUNCTION control.tell_budget(p_connection text, p_tenant text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_notify('baton_budget', json_build_array(p_connection, p_tenant)::text);
  END $$;`;

/**
 * Asks for up to n places. No row = nothing declared yet. granted > 0: places first_ms, first_ms + interval_ms … from
 * now (never earlier than now), each good until grace_ms later. granted = 0: ask again after wait_ms, for the reason
 * budget, reserve (the vendor's quota is nearly used up) or breaker.
 */
const acquire = `
  CREATE FUNCTION control.acquire(p_connection text, p_tenant text, p_class text, p_n integer, p_quota text DEFAULT '')
  RETURNS TABLE (granted integer, first_ms float8, interval_ms float8, grace_ms float8, wait_ms float8,
                 reason text, probe bigint, state text, outage bigint)
  LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    b control.budgets;
    v_now float8;
    v_first float8;
    v_reach float8 := CASE p_class WHEN 'live' THEN 5000 WHEN 'repair' THEN 1000 ELSE 0 END;
    v_kept float8 := CASE p_class WHEN 'live' THEN 0 WHEN 'repair' THEN 0.1 ELSE 0.25 END;
    v_n integer := greatest(1, p_n);
    v_probing boolean;
  BEGIN
    SELECT * INTO b FROM control.budgets
    WHERE connection = p_connection AND tenant = p_tenant AND quota = p_quota FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    v_now := control.budget_clock(); -- only now: the lock may have taken its time
    v_probing := b.state <> 'closed';
    IF v_probing AND v_now < b.probe_ms THEN
      -- While somebody probes, the answer may come at any moment.
      RETURN QUERY SELECT 0, 0::float8, b.interval_ms, b.grace_ms,
        CASE b.state WHEN 'half_open' THEN least(b.probe_ms - v_now, greatest(b.open_for_ms / 4, 500)) ELSE b.probe_ms - v_now END,
        'breaker', NULL::bigint, b.state, b.outage;
      RETURN;
    END IF;
    IF b.remaining IS NOT NULL AND v_now < b.resets_ms AND b.remaining <= b.quota_size * v_kept THEN
      RETURN QUERY SELECT 0, 0::float8, b.interval_ms, b.grace_ms, b.resets_ms - v_now, 'reserve', NULL::bigint, b.state, b.outage;
      RETURN;
    END IF;
    -- What lower classes may not use of the burst is kept for live work.
    v_first := greatest(b.tat_ms, v_now) - b.burst_ms * (1 - v_kept) - v_now;
    IF v_first > v_reach THEN
      RETURN QUERY SELECT 0, 0::float8, b.interval_ms, b.grace_ms, v_first, 'budget', NULL::bigint, b.state, b.outage;
      RETURN;
    END IF;
    IF v_probing THEN v_n := 1; END IF;
    IF b.interval_ms > 0 THEN
      v_n := least(v_n::float8, 1 + floor((greatest(v_first, 0) + 250 - v_first) / b.interval_ms))::integer;
    END IF;
    UPDATE control.budgets SET
      tat_ms = greatest(b.tat_ms, v_now) + v_n * b.interval_ms,
      remaining = b.remaining - v_n,
      state = CASE WHEN v_probing THEN 'half_open' ELSE state END,
      epoch = CASE WHEN v_probing THEN b.epoch + 1 ELSE epoch END,
      probe_ms = CASE WHEN v_probing THEN v_now + greatest(v_first, 0) + (b.breaker->>'probeMs')::float8 ELSE probe_ms END
    WHERE connection = p_connection AND tenant = p_tenant AND quota = p_quota
      AND (b.interval_ms > 0 OR v_probing OR b.remaining IS NOT NULL);
    RETURN QUERY SELECT v_n, v_first, b.interval_ms, b.grace_ms, 0::float8, NULL::text,
      CASE WHEN v_probing THEN b.epoch + 1 END, CASE WHEN v_probing THEN 'half_open' ELSE b.state END, b.outage;
  END $$;`;

/**
 * What became of requests since the last report: so many answered, so many failed, and how many of the last ones in a
 * row. A probe reports with its epoch; with neither (cancelled) it gives the probe back. Answers the state after it.
 */
const report = `
  CREATE FUNCTION control.report(p_connection text, p_tenant text, p_ok integer, p_failed integer, p_trailing integer,
                                 p_probe bigint, p_error text, p_size float8, p_remaining float8, p_resets_in_ms float8)
  RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    b control.budgets;
    v_now float8;
    v_total integer;
  BEGIN
    SELECT * INTO b FROM control.budgets
    WHERE connection = p_connection AND tenant = p_tenant AND quota = '' FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    v_now := control.budget_clock();
    IF p_remaining IS NOT NULL THEN
      b.quota_size := p_size; b.remaining := p_remaining; b.resets_ms := v_now + p_resets_in_ms;
    END IF;
    IF p_probe IS NOT NULL THEN
      IF b.state = 'half_open' AND b.epoch = p_probe THEN
        IF p_failed > 0 THEN
          b.state := 'open';
          b.open_for_ms := least(b.open_for_ms * 2, (b.breaker->>'longestOpenMs')::float8);
          b.probe_ms := v_now + b.open_for_ms;
          b.last_error := p_error;
        ELSIF p_ok > 0 THEN
          b.state := 'closed'; b.failures := 0; b.window_ok := 0; b.window_failed := 0; b.window_ms := v_now;
          b.opened_ms := NULL;
        ELSE
          b.probe_ms := v_now;
        END IF;
        PERFORM control.tell_budget(p_connection, p_tenant);
      END IF;
    ELSIF b.state = 'closed' THEN -- whoever is late after that says nothing new
      IF v_now - b.window_ms > (b.breaker->>'windowMs')::float8 THEN
        b.window_ms := v_now; b.window_ok := 0; b.window_failed := 0;
      END IF;
      b.window_ok := b.window_ok + p_ok;
      b.window_failed := b.window_failed + p_failed;
      b.failures := CASE WHEN p_ok > 0 THEN p_trailing ELSE b.failures + p_failed END;
      v_total := b.window_ok + b.window_failed;
      IF p_failed > 0 AND (b.failures >= (b.breaker->>'failures')::integer
          OR v_total >= (b.breaker->>'minimum')::integer
             AND b.window_failed >= v_total * (b.breaker->>'ratio')::float8) THEN
        b.state := 'open';
        b.outage := b.outage + 1;
        b.opened_ms := v_now;
        b.open_for_ms := (b.breaker->>'openMs')::float8;
        b.probe_ms := v_now + b.open_for_ms;
        PERFORM control.tell_budget(p_connection, p_tenant);
      END IF;
      IF p_failed > 0 THEN b.last_error := p_error; END IF;
    END IF;
    UPDATE control.budgets SET
      quota_size = b.quota_size, remaining = b.remaining, resets_ms = b.resets_ms, state = b.state, outage = b.outage,
      failures = b.failures, window_ms = b.window_ms, window_ok = b.window_ok, window_failed = b.window_failed,
      opened_ms = b.opened_ms, open_for_ms = b.open_for_ms, probe_ms = b.probe_ms, last_error = b.last_error
    WHERE connection = p_connection AND tenant = p_tenant AND quota = '';
  END $$;`;

/** The vendor said 429: nobody asks before that, and what is leased is given up. */
const hold = `
  CREATE FUNCTION control.hold(p_connection text, p_tenant text, p_quota text, p_ms float8) RETURNS void
  LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE control.budgets SET tat_ms = greatest(tat_ms, control.budget_clock() + p_ms + burst_ms)
    WHERE connection = p_connection AND tenant = p_tenant AND quota = p_quota;
    PERFORM control.tell_budget(p_connection, p_tenant);
  END $$;`;
