import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BatonConfig, loadConfig } from '../../src/config/index.js';
import type { HttpRequest } from '../../src/connectors/http.js';
import { connectors } from '../../src/connectors/registry.js';
import { createBudgetStore } from '../../src/control/budgets.js';
import { migrateControl, openControl } from '../../src/control/database.js';
import { createGates } from '../../src/control/gates.js';
import { Secret } from '../../src/domain/secret.js';
import { BatonError } from '../../src/protocol/errors.js';
import { aribaApplicationKey, aribaClientSecret, aribaRealm } from '../../src/sandbox/ariba/vendor.js';
import type { LoggedRequest } from '../../src/sandbox/request-log.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { createConnections } from '../../src/workers/connections.js';
import { mostInWindow } from '../control/budget/crew.js';
import { installClock } from '../setup/clock.js';
import { createDatabase, type TestDatabase } from '../setup/database.js';
import { aribaDeclared } from './ariba-settings.js';
import { failure, sandboxForTests } from './support.js';

const [secondMs, minuteMs, hourMs, dayMs] = [1_000, 60_000, 3_600_000, 86_400_000];
const workers = 4;
const watchedMs = 50 * hourMs;

const query = {
  realm: aribaRealm,
  filters: JSON.stringify({ updatedDateFrom: '2026-01-01T00:00:00Z', updatedDateTo: '2026-12-01T00:00:00Z' }),
};
const view = '/procurement-reporting-details/v2/prod/views/baton_purchase_orders';
const jobs = '/procurement-reporting-job/v2/prod/jobs';
const results = '/procurement-reporting-jobresult/v2/prod/jobs';
const json = { viewTemplateName: 'baton_purchase_orders', filters: JSON.parse(query.filters) };
const submit: HttpRequest = { method: 'POST', path: jobs, query: { realm: aribaRealm }, json };
const page: HttpRequest = { method: 'GET', path: view, query };
const count: HttpRequest = { method: 'GET', path: `${view}/count`, query };

/** Submissions of jobs, the scarcest, as they are documented: in any second, minute, hour and day. */
const limits = [
  [1, secondMs],
  [2, minuteMs],
  [8, hourMs],
  [40, dayMs],
] as const;

describe('SAP Ariba’s limits by the hour and the day', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'baton-ariba-'));
  let database: TestDatabase;
  let sandbox: Sandbox;
  let pool: pg.Pool;
  let config: BatonConfig;
  const arrivals: LoggedRequest[] = [];

  beforeAll(async () => {
    vi.useFakeTimers({ toFake: ['Date'], shouldAdvanceTime: true });
    [database, sandbox] = await Promise.all([createDatabase(), sandboxForTests(60)]);
    await installClock(database.url);
    pool = new pg.Pool({ connectionString: database.url, max: 1 });
    const control = openControl(new Secret(database.url), { poolMax: 1 });
    await migrateControl(control);
    await control.close();
    const ariba = { type: 'ariba', baseUrl: `${sandbox.url}/ariba`, ...aribaDeclared };
    writeFileSync(path.join(root, 'baton.yaml'), JSON.stringify({ version: 1, connections: { ariba } }));
    const env = { ARIBA_CLIENT_SECRET: aribaClientSecret, ARIBA_APPLICATION_KEY: aribaApplicationKey };
    config = loadConfig({ cwd: root, connectors, env });
    const add = sandbox.requests.add.bind(sandbox.requests);
    sandbox.requests.add = (request) => {
      add(request);
      if (request.vendor === 'ariba') arrivals.push(request);
    };
  });
  afterAll(async () => {
    vi.useRealTimers();
    await pool?.end();
    await sandbox?.close();
    await database?.drop();
    rmSync(root, { recursive: true, force: true });
  });
  beforeEach(async () => {
    // A day of the vendor's that has just begun.
    await moveTo((Math.floor(Date.now() / dayMs) + 2) * dayMs);
    await pool.query('DELETE FROM control.budgets');
    arrivals.length = 0;
  });

  /** Of this process, in which the vendor is too, and of the database. */
  async function moveTo(ms: number): Promise<void> {
    const aheadMs = ms - performance.timeOrigin - performance.now();
    await pool.query("UPDATE clock.ahead SET by = $1 * interval '1 millisecond'", [aheadMs]);
    vi.setSystemTime(ms);
  }

  /** Budgets, gates and connections as a worker composes them. */
  function worker() {
    const control = openControl(new Secret(database.url), { poolMax: 2 });
    const gates = createGates(createBudgetStore(control));
    const connections = createConnections(config, () => {}, gates);
    return {
      ask: (request: HttpRequest) => connections.open('ariba').http.read(request),
      async close() {
        connections.close();
        await gates.close();
        await control.close();
      },
    };
  }

  /** Until the next place for a job, if it is a matter of seconds; else 0. */
  async function soonMs(): Promise<number> {
    const { rows } = await pool.query<{ ms: number | null }>(
      `SELECT max(ms) AS ms FROM control.budgets, LATERAL (SELECT tat_ms - burst_ms - control.budget_clock() AS ms) AS until
       WHERE quota LIKE 'jobs%' AND ms BETWEEN 0 AND 6000`,
    );
    return (rows[0]?.ms ?? -1) + 1;
  }

  it('are never exceeded in any window by four workers that ask for all they may have for two days, and are used', async () => {
    // Without a word of Ariba's on what is left: it is our own count that keeps to it.
    sandbox.settings.aribaLimited = false;
    const crew = Array.from({ length: workers }, worker);
    const until = Date.now() + watchedMs;
    const startedMs = Date.now();
    const sleepers: { readonly at: number; wake(): void }[] = [];
    let awake = 0;
    /** The clocks go on to the next who wakes once all sleep. */
    const sleep = (ms: number) =>
      new Promise<void>((resolve) => {
        sleepers.push({ at: Date.now() + ms, wake: resolve });
        awake -= 1;
        if (awake === 0) void next();
      });
    const next = async () => {
      const first = sleepers.toSorted((a, b) => a.at - b.at)[0];
      if (first === undefined) return;
      if (first.at > Date.now()) await moveTo(first.at);
      sleepers.splice(sleepers.indexOf(first), 1);
      awake += 1;
      first.wake();
    };
    const loop = async ({ ask }: ReturnType<typeof worker>) => {
      awake += 1;
      while (Date.now() < until) {
        // A wait of some seconds is made in place, in time that is not ours to move.
        for (let ms = await soonMs(); ms > 0; ms = await soonMs()) await sleep(ms);
        const waitMs = await ask(submit).then(
          () => 0,
          (error: unknown) => {
            if (error instanceof BatonError && error.error === 'ERR_BUDGET_SPENT')
              return error.options.retryAfterMs ?? 0;
            throw error;
          },
        );
        if (waitMs > 0) await sleep(waitMs);
      }
      awake -= 1;
      if (awake === 0) void next();
    };
    await Promise.all(crew.map(loop));
    await Promise.all(crew.map((one) => one.close()));
    sandbox.settings.aribaLimited = true;

    const submitted = arrivals.filter(
      ({ method, path: asked }) => method === 'POST' && asked.startsWith(jobs),
    );
    expect(submitted.filter(({ outcome }) => outcome !== '200')).toEqual([]);
    const times = submitted.map(({ at }) => Date.parse(at));
    const seen = limits.map(([, perMs]) => mostInWindow(times, perMs));
    console.log(
      `ariba: ${times.length} jobs in ${watchedMs / hourMs} h, at most ${seen.join(', ')} of 1, 2, 8, 40`,
    );
    for (const [at, [most]] of limits.entries()) expect(seen[at]).toBeLessThanOrEqual(most);
    // Of the first day nearly all is used, and then what is free again.
    expect(times.filter((ms) => ms < startedMs + dayMs).length).toBeGreaterThanOrEqual(36);
    expect(times.length).toBeGreaterThanOrEqual(56);
  }, 60_000);

  it('are waited for until the day is over when others have used it up, by all workers and for that API alone', async () => {
    const [one, other] = [worker(), worker()];
    await submittedByOthers(40);
    const refused = await failure(one.ask(submit), 'ERR_SOURCE_RATE_LIMITED');
    const midnight = Math.ceil(Date.now() / dayMs) * dayMs;
    expect(refused.options.retryAfterMs).toBeGreaterThan(12 * hourMs);
    expect(Math.abs((refused.options.retryAfterMs ?? 0) - (midnight - Date.now()))).toBeLessThan(5_000);
    const before = arrivals.length;
    for (const { ask } of [one, other]) {
      const spent = await failure(ask(submit), 'ERR_BUDGET_SPENT');
      expect(spent.options.retryAfterMs).toBeGreaterThan(12 * hourMs);
      expect(spent.message).toMatch(
        /ariba \(jobs\) is used up: the next place is at \d{4}-\d\d-\d\dT[\d:]{8}Z\.$/,
      );
    }
    expect(arrivals.length).toBe(before);
    await other.ask(page);
    await other.ask({ method: 'GET', path: `${results}/${lastJob}`, query: { realm: aribaRealm } });
    await moveTo(midnight + minuteMs);
    expect((await other.ask(submit)).status).toBe(200);
    await Promise.all([one.close(), other.close()]);
  });

  it('are heeded before they are refused: who takes the last call asks no more', async () => {
    const [one, other] = [worker(), worker()];
    await submittedByOthers(39);
    await moveTo(Date.now() + 8 * minuteMs);
    await one.ask(submit);
    const before = arrivals.length;
    for (const { ask } of [other, one]) {
      const spent = await failure(ask(submit), 'ERR_BUDGET_SPENT');
      expect(spent.options.retryAfterMs).toBeGreaterThan(12 * hourMs);
    }
    expect(arrivals.length).toBe(before);
    await other.ask(count);
    await Promise.all([one.close(), other.close()]);
  });

  let lastJob = '';
  /** So many of the day's jobs, by another program with the same application, over five hours. */
  async function submittedByOthers(many: number): Promise<void> {
    const token = await fetch(`${sandbox.url}/ariba/v2/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`baton-demo:${aribaClientSecret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    const { access_token: bearer } = (await token.json()) as { access_token: string };
    for (let at = 0; at < many; at += 1) {
      await moveTo(Date.now() + 8 * minuteMs);
      const answer = await fetch(`${sandbox.url}/ariba${jobs}?realm=${aribaRealm}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}`, apikey: aribaApplicationKey },
        body: JSON.stringify(json),
      });
      // A token lasts for 24 minutes.
      if (answer.status === 401) return submittedByOthers(many - at);
      lastJob = ((await answer.json()) as { jobId: string }).jobId;
    }
  }
});
