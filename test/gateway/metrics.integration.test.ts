import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createRng, type Rng } from './rng.js';
import { startGateway, type TestGateway } from './support.js';

interface SeededRun {
  readonly pipeline: string;
  readonly state: string;
  readonly seconds: number | null;
}

const states = ['succeeded', 'failed', 'partial', 'cancelled', 'running', 'waiting'];
const outcomes = ['loaded', 'unchanged', 'quarantined', 'duplicate', 'stale', 'filtered'];

/** The text format, parsed by its published grammar: `name{a="b"} value`. */
function parse(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null || line.startsWith('#')) continue;
    const labels = [...(match[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)];
    const sorted = labels.map(([, name, value]) => `${name}=${value}`).sort();
    found.set([match[1], ...sorted].join('|'), Number(match[3]));
  }
  return found;
}

describe('GET /metrics', () => {
  let gateway: TestGateway;
  let control: pg.Client;
  let warehouse: pg.Client;
  const rng = createRng(20260131);
  const runs: SeededRun[] = [];
  const loads: Record<string, number>[] = [];
  let metrics = new Map<string, number>();
  let text = '';

  beforeAll(async () => {
    gateway = await startGateway({ temporalAddress: inject('temporalAddress') });
    control = new pg.Client({ connectionString: gateway.controlUrl });
    warehouse = new pg.Client({ connectionString: gateway.warehouseUrl });
    await Promise.all([control.connect(), warehouse.connect()]);
    await seedRuns(control, rng, runs);
    await seedLoads(warehouse, rng, loads);
    await seedRest(control, warehouse);
    text = await (await gateway.get('/metrics')).text();
    metrics = parse(text);
  });

  afterAll(async () => {
    await Promise.all([control?.end(), warehouse?.end()]);
    await gateway?.stop();
  });

  it('counts runs by pipeline and state, the open ones apart', () => {
    for (const pipeline of ['po_data_pipeline', 'o"ther\\one']) {
      const label = `pipeline=${pipeline.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}`;
      for (const state of states) {
        const expected = runs.filter((run) => run.pipeline === pipeline && run.state === state).length;
        const open = state === 'running' || state === 'waiting';
        expect(metrics.get(`baton_runs_${open ? 'open' : 'total'}|${label}|state=${state}`), state).toBe(
          expected,
        );
        expect(metrics.has(`baton_runs_${open ? 'total' : 'open'}|${label}|state=${state}`)).toBe(false);
      }
    }
  });

  it('puts durations into cumulative buckets that a plain sum over the runs confirms', () => {
    const took = runs
      .filter((run) => run.pipeline === 'po_data_pipeline')
      .flatMap(({ seconds }) => (seconds === null ? [] : [seconds]));
    const label = 'pipeline=po_data_pipeline';
    const name = 'baton_run_duration_seconds';
    expect(metrics.get(`${name}_count|${label}`)).toBe(took.length);
    expect(metrics.get(`${name}_sum|${label}`)).toBeCloseTo(
      took.reduce((sum, one) => sum + one, 0),
      3,
    );
    const bounds = [...metrics.keys()].filter(
      (key) => key.startsWith(`${name}_bucket`) && key.endsWith(label),
    );
    expect(bounds.length).toBeGreaterThan(10);
    for (const key of bounds) {
      const bound = /le=([^|]+)/.exec(key)?.[1] ?? '';
      const limit = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
      expect(metrics.get(key), key).toBe(took.filter((one) => one <= limit).length);
    }
  });

  it('accounts for every record that was landed and loaded', () => {
    for (const result of outcomes) {
      const expected = loads.reduce((sum, load) => sum + (load[result] ?? 0), 0);
      expect(metrics.get(`baton_rows_total|result=${result}|stage=merge`), result).toBe(expected);
    }
    // 700 in the closed batch, 50 + 30 in the parts of the open one; the closed one's parts are not added again
    expect(metrics.get('baton_rows_total|result=read|stage=extract')).toBe(780);
  });

  it('shows the table furthest behind, the quarantine, effects, tickets and requests', () => {
    const behind = metrics.get('baton_freshness_seconds|asset=analytics.po_fact') ?? 0;
    expect(behind).toBeGreaterThan(7_199);
    expect(behind).toBeLessThan(7_300);
    expect(metrics.has('baton_freshness_seconds|asset=raw.sequence')).toBe(false);
    expect(metrics.get('baton_quarantine_rows|table=analytics.po_fact')).toBe(2);
    expect(metrics.get('baton_effects|connection=zendesk|state=dead')).toBe(2);
    expect(metrics.get('baton_effects|connection=slack|state=dead')).toBe(1);
    expect(metrics.get('baton_effects|connection=zendesk|state=confirmed')).toBe(1);
    expect(metrics.get('baton_dead_letters')).toBe(3);
    expect(metrics.get('baton_open_tickets|connection=zendesk')).toBe(2);
    expect(metrics.get('baton_open_discrepancies')).toBe(1);
    expect(metrics.get('baton_source_requests_total|connection=coupa|status=200')).toBe(120);
    expect(metrics.get('baton_source_requests_total|connection=coupa|status=error')).toBe(3);
    expect(metrics.get('baton_rate_limit_wait_seconds_total|connection=coupa')).toBeCloseTo(1.75, 6);
  });

  it('says which parts are up, who polls, and what this process needs', () => {
    for (const part of ['control', 'warehouse', 'temporal'])
      expect(metrics.get(`baton_up|part=${part}`)).toBe(1);
    expect(metrics.get('baton_pollers|queue=baton-load')).toBeTypeOf('number');
    expect(metrics.get('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
  });

  it('gives each name one HELP and one TYPE', () => {
    const helps = text.match(/^# HELP \S+/gm) ?? [];
    expect(new Set(helps).size).toBe(helps.length);
    expect((text.match(/^# TYPE \S+/gm) ?? []).length).toBe(helps.length);
  });
});

async function seedRuns(control: pg.Client, rng: Rng, runs: SeededRun[]): Promise<void> {
  for (const pipeline of ['po_data_pipeline', 'o"ther\\one'])
    await control.query('INSERT INTO control.plans (hash, pipeline, plan) VALUES ($1, $1, $2)', [
      pipeline,
      '{}',
    ]);
  for (let index = 0; index < 300; index += 1) {
    const pipeline = index % 7 < 3 ? 'o"ther\\one' : 'po_data_pipeline';
    const state = states[index % states.length] ?? '';
    const ended = state !== 'running' && state !== 'waiting';
    // every bucket's bound itself is among them: "at most" includes the bound
    const seconds = ended ? ([1, 5, 300][index % 17] ?? Math.round(10 ** (rng() * 4.5) * 1000) / 1000) : null;
    runs.push({ pipeline, state, seconds });
    await control.query(
      `INSERT INTO control.runs (id, short_id, pipeline, tenant, logical_time, state, trigger, temporal_run_id, plan_hash, started_at, ended_at)
       VALUES ($1, $1, $2, 'default', '2026-01-01T00:00:00Z'::timestamptz + $3 * interval '1 minute', $4, 'manual', 'x', $2,
               '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'::timestamptz + $5 * interval '1 second')`,
      [`run-${index}`, pipeline, index, state, seconds],
    );
  }
}

async function seedLoads(warehouse: pg.Client, rng: Rng, loads: Record<string, number>[]): Promise<void> {
  for (let index = 0; index < 40; index += 1) {
    const load = Object.fromEntries(outcomes.map((name) => [name, Math.floor(rng() * 1000)]));
    const read = Object.values(load).reduce((sum, one) => sum + one, 0);
    loads.push(load);
    await warehouse.query(
      `INSERT INTO raw._baton_loads (batch_id, generation, run_id, tenant, connection, stream, target, state, read,
         loaded, unchanged, quarantined, duplicate, stale, filtered)
       VALUES ($1, 1, 'r', $2, 'coupa', 'purchase_orders', 'analytics.po_fact', 'loaded', $3, $4, $5, $6, $7, $8, $9)`,
      [`b${index}`, index % 2 === 0 ? 'default' : 'acme', read, ...outcomes.map((name) => load[name])],
    );
  }
  await warehouse.query(
    `INSERT INTO raw._baton_loads (batch_id, generation, run_id, tenant, connection, stream, target)
     VALUES ('open', 1, 'r', 'default', 'coupa', 'purchase_orders', 'analytics.po_fact')`,
  );
  await warehouse.query(
    `INSERT INTO raw._baton_loads (batch_id, generation, run_id, tenant, connection, stream, target, state, read,
       loaded, unchanged, quarantined, duplicate, stale, filtered)
     VALUES ('seq', 1, 'r', 'default', 'odd', 'sequence', 'raw.sequence', 'loaded', 0, 0, 0, 0, 0, 0, 0)`,
  );
}

async function seedRest(control: pg.Client, warehouse: pg.Client): Promise<void> {
  await control.query(`
    INSERT INTO control.batches (batch_id, generation, run_id, step_id, connection, stream, tenant, target, window_to, state, records)
    VALUES ('closed', 1, 'run-0', 'a', 'coupa', 's', 'default', 't', 'x', 'landed', 700),
           ('open', 1, 'run-0', 'b', 'coupa', 's', 'default', 't', 'x', 'open', NULL);
    INSERT INTO control.parts (batch_id, generation, ordinal, key, sha256, bytes, records, calls, pages, cursors)
    VALUES ('closed', 1, 1, 'k', 's', 1, 700, 1, 1, '{}'), ('open', 1, 1, 'k', 's', 1, 50, 1, 1, '{}'), ('open', 1, 2, 'k', 's', 1, 30, 1, 1, '{}');
    INSERT INTO control.request_counts VALUES ('coupa', '200', 120, 1500), ('coupa', 'error', 3, 250), ('slack', '200', 9, 0);
    INSERT INTO control.tickets (tenant, cause, episode, rule, connection, subject, state, opened_by)
    VALUES ('default', 'a', 1, 'r', 'zendesk', 's', 'open', 'run-0'), ('default', 'b', 1, 'r', 'zendesk', 's', 'opening', 'run-0'),
           ('default', 'c', 1, 'r', 'zendesk', 's', 'resolved', 'run-0');`);
  const effects = [
    ['zendesk', 'dead'],
    ['zendesk', 'dead'],
    ['zendesk', 'confirmed'],
    ['slack', 'dead'],
  ];
  for (const [index, [connection, state]] of effects.entries())
    await control.query(
      `INSERT INTO control.effects (key, tenant, cause, action, ordinal, connection, kind, guarantee, marker, body, state, run_id)
       VALUES ($1, 'default', 'c', 'open', '1', $2, 'ticket.open', 'exact', $1, '{}', $3, 'run-0')`,
      [`e${index}`, connection, state],
    );
  await warehouse.query(`
    INSERT INTO raw._baton_watermarks (connection, stream, tenant, value, moved_by)
    VALUES ('coupa', 'purchase_orders', 'default', to_char((now() - interval '10 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'r'),
           ('coupa', 'purchase_orders', 'acme', to_char((now() - interval '2 hours') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'r'),
           ('odd', 'sequence', 'default', '000123', 'r');
    INSERT INTO quarantine.records (target, tenant, source, stream, rule, reason, path, violations, raw, run_id, batch_id, part, line, state)
    SELECT 'analytics.po_fact', 'default', 'coupa', 's', 'r', 'r', 'p', '[]', '{}', 'r', 'b', 1, line, state
    FROM (VALUES (1, 'waiting'), (2, 'waiting'), (3, 'superseded')) v(line, state);
    INSERT INTO analytics.po_discrepancy (tenant, source, po_id, rule, state, evidence, opened_run, seen_run)
    VALUES ('default', 'coupa', '1', 'r', 'open', '{}', 'r', 'r'), ('default', 'coupa', '2', 'r', 'resolved', '{}', 'r', 'r');`);
}
