import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PlanningDeps, planTickets } from '../../src/activities/plan-tickets.js';
import { zendesk } from '../../src/connectors/zendesk/index.js';
import { migrateControl, openControl } from '../../src/control/database.js';
import { createEffectStore, type EffectRow, type EffectStore } from '../../src/control/effects.js';
import type { Database } from '../../src/database/postgres.js';
import { Secret } from '../../src/domain/secret.js';
import { createDatabase, type TestDatabase } from '../setup/database.js';
import {
  type Bench,
  headerOf,
  openBench,
  order,
  planOf,
  supplier,
  ticketsOf,
  type VendorRecord,
} from '../warehouse/bench.js';

let bench: Bench;
let ledger: TestDatabase;
let control: Database;
let deps: PlanningDeps & { readonly effects: EffectStore };

beforeEach(async () => {
  [bench, ledger] = await Promise.all([openBench(), createDatabase()]);
  control = openControl(new Secret(ledger.url), { poolMax: 2 });
  await Promise.all([migrateControl(control), bench.prepareAll()]);
  await bench.load('suppliers', [supplier]);
  const desk = zendesk.open({
    name: 'zendesk',
    type: 'zendesk',
    baseUrl: 'http://127.0.0.1:9',
    settings: { auth: { email: 'baton@example.com', apiToken: new Secret('unused') } },
    limits: { timeoutMs: 1_000, maxResponseBytes: 1_000 },
  });
  deps = {
    warehouse: bench.warehouse,
    effects: createEffectStore(control),
    connections: { open: () => desk },
    runUrl: (runId) => `http://127.0.0.1/${runId}`,
  };
});
afterEach(async () => {
  await control?.close();
  await Promise.all([bench?.close(), ledger?.drop()]);
});

const step = ticketsOf(planOf());
const plan = (runId: string, with_: Partial<PlanningDeps> = {}) =>
  planTickets({ ...deps, ...with_ }, { runId, tenant: 'default', step });

/** A run that dies between its intents and the note of them. */
async function planAndDie(runId: string): Promise<void> {
  const dying = { ...bench.warehouse, markPlanned: () => Promise.reject(new Error('killed')) };
  await expect(plan(runId, { warehouse: dying })).rejects.toThrow('killed');
}

/** Orders of an unknown supplier, and the same ones with a known one. */
const broken = (id: number, second = 0): VendorRecord =>
  order(id, second, { supplier: { id: 99, name: 'Unbekannt' } });
const brokenOnes = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => broken(first + index));

async function load(runId: string, orders: readonly VendorRecord[]): Promise<void> {
  await bench.load('orders', orders);
  await bench.reconcile(runId);
}

async function effects(): Promise<EffectRow[]> {
  return deps.effects.list({ limit: 20_000 });
}

async function actions(): Promise<string[]> {
  return (await effects()).map((row) => `${row.cause} ${row.action} ${row.ordinal}`).sort();
}

/** No update may wait for a ticket that nobody will open. */
async function expectEachUpdateHasItsTicket(): Promise<void> {
  const { rows } = await control.knex.raw(
    `SELECT e.key FROM control.effects e LEFT JOIN control.tickets t USING (tenant, cause, episode) WHERE t.cause IS NULL`,
  );
  expect(rows).toEqual([]);
}

const cause = (id: number) => `po:coupa:${id}:unknown_supplier`;

describe('the episodes of a discrepancy', () => {
  it('are planned in turn: open, comment, resolve, and open again', async () => {
    await load('run/1', [broken(1)]);
    expect(await plan('run/1')).toBe(1);
    await load('run/2', [broken(1, 2)]);
    expect(await plan('run/2')).toBe(0);
    await load('run/3', [{ ...broken(1, 3), supplier: { id: 98, name: 'Auch unbekannt' } }]);
    expect(await plan('run/3')).toBe(1);
    await load('run/4', [order(1, 4)]);
    expect(await plan('run/4')).toBe(1);
    await load('run/5', [broken(1, 5)]);
    expect(await plan('run/5')).toBe(1);
    expect(await plan('run/5')).toBe(0);
    const found = await actions();
    expect(found.map((row) => row.replace(/(comment 1\.).*/, '$1'))).toEqual([
      `${cause(1)} comment 1.`,
      `${cause(1)} open 1`,
      `${cause(1)} open 2`,
      `${cause(1)} resolve 1`,
    ]);
    await expectEachUpdateHasItsTicket();
  });

  it('reopen the ticket where it comes back soon, round after round, and get another later', async () => {
    const reopening = { ...step, reopenWithinMs: 3_600_000 };
    const planBack = (runId: string) => planTickets(deps, { runId, tenant: 'default', step: reopening });
    let version = 0;
    for (const round of [1, 2, 3]) {
      await load(`run/${round}`, [broken(1, ++version)]);
      expect(await planBack(`run/${round}`)).toBe(1);
      expect(await planBack(`run/${round}`)).toBe(0);
      await load(`run/${round}m`, [order(1, ++version)]);
      expect(await planBack(`run/${round}m`)).toBe(1);
      expect(await planBack(`run/${round}m`)).toBe(0);
    }
    expect(await actions()).toEqual([
      `${cause(1)} open 1`,
      `${cause(1)} reopen 1.2`,
      `${cause(1)} reopen 1.3`,
      `${cause(1)} resolve 1`,
      `${cause(1)} resolve 1.2`,
      `${cause(1)} resolve 1.3`,
    ]);
    await bench.rows(`UPDATE analytics.po_discrepancy SET resolved_at = resolved_at - interval '2 hours'`);
    await load('run/4', [broken(1, ++version)]);
    expect(await planBack('run/4')).toBe(1);
    await load('run/4m', [order(1, ++version)]);
    expect(await planBack('run/4m')).toBe(1);
    expect((await actions()).filter((row) => / (?:open|resolve) 4$/.test(row))).toHaveLength(2);
    await expectEachUpdateHasItsTicket();
  });

  it('have a ticket when they were there in so many runs in a row, and none before', async () => {
    const patient = { ...step, openAfter: 3 };
    const planLate = (runId: string) => planTickets(deps, { runId, tenant: 'default', step: patient });
    await load('run/1', [broken(1), broken(2)]);
    expect(await planLate('run/1')).toBe(0);
    await load('run/2', [order(1, 2)]);
    expect(await planLate('run/2')).toBe(0);
    await load('run/3', [broken(1, 3)]);
    expect(await planLate('run/3')).toBe(1);
    expect(await actions()).toEqual([`${cause(2)} open 1`]);
    await load('run/4', [broken(3)]);
    await load('run/5', [broken(3, 2)]);
    expect(await planLate('run/5')).toBe(1);
    expect(await actions()).toEqual([`${cause(1)} open 2`, `${cause(2)} open 1`]);
  });

  it('close the ticket of the one before when a run died between finding it gone and saying so', async () => {
    await load('run/1', [broken(1)]);
    await plan('run/1');
    await load('run/2', [order(1, 2)]); // and dies
    await load('run/3', [broken(1, 3)]);
    expect(await plan('run/3')).toBe(2);
    await load('run/4', [order(1, 4)]);
    expect(await plan('run/4')).toBe(1);
    expect(await actions()).toEqual([
      `${cause(1)} open 1`,
      `${cause(1)} open 2`,
      `${cause(1)} resolve 1`,
      `${cause(1)} resolve 2`,
    ]);
    await expectEachUpdateHasItsTicket();
  });

  it('leave nothing open when a run died after its intents and the discrepancy was gone before the next', async () => {
    await load('run/1', [broken(1), broken(2)]);
    await planAndDie('run/1');
    await load('run/2', [order(1, 2), order(2, 2)]); // and dies too
    await load('run/3', [broken(2, 3)]);
    await plan('run/3');
    expect(await actions()).toEqual([
      `${cause(1)} open 1`,
      `${cause(1)} resolve 1`,
      `${cause(2)} open 1`,
      `${cause(2)} open 2`,
      `${cause(2)} resolve 1`,
    ]);
    await expectEachUpdateHasItsTicket();
  });

  it('open nothing for a discrepancy that is gone before anything was planned', async () => {
    await load('run/1', [broken(1)]);
    await load('run/2', [order(1, 2)]);
    expect(await plan('run/2')).toBe(0);
    expect(await actions()).toEqual([]);
  });
});

describe('a run that dies between the intents and their note', () => {
  it('leaves single tickets single, however many the next run finds', async () => {
    await load('run/1', brokenOnes(1, 40));
    await planAndDie('run/1');
    await load('run/2', brokenOnes(41, 20));
    expect(await plan('run/2')).toBe(20);
    const found = await actions();
    expect(found).toHaveLength(60);
    expect(new Set(found)).toEqual(
      new Set(Array.from({ length: 60 }, (_, index) => `${cause(index + 1)} open 1`)),
    );
  });

  it('leaves a summary what it is', async () => {
    await load('run/1', brokenOnes(1, 60));
    await planAndDie('run/1');
    await load('run/2', brokenOnes(61, 5));
    expect(await plan('run/2')).toBe(5);
    const found = await actions();
    expect(found.filter((row) => row.startsWith('summary:coupa:unknown_supplier:'))).toHaveLength(1);
    expect(found).toHaveLength(6);
  });
});

describe('a summary', () => {
  it('is decided by the whole of a rule’s findings, not by how many are handled in one go', async () => {
    await bench.load(
      'totals',
      Array.from({ length: 4_970 }, (_, index) => headerOf(index + 1, 0, '150')),
    );
    await load('run/1', brokenOnes(1, 5_060));
    expect(await plan('run/1')).toBe(2);
    const found = await effects();
    expect(found.map((row) => (row.body as { subject: string }).subject).sort()).toEqual([
      '4970 purchase orders: the header total is not the sum of the lines',
      '5060 purchase orders: the supplier is not known',
    ]);
    const body = found.find((row) => row.cause.includes('unknown'))?.body;
    const description = (body as { description: string } | undefined)?.description;
    expect(description).toContain('One run found 5060 orders');
    expect(description).toContain('… and 5040 more');
    expect(await plan('run/1')).toBe(0);
  });

  it('is solved once, by the run that finds the last of its orders in order again', async () => {
    await load('run/1', brokenOnes(1, 51));
    await plan('run/1');
    await load(
      'run/2',
      brokenOnes(1, 50).map((_, index) => order(index + 1, 2)),
    );
    expect(await plan('run/2')).toBe(0);
    // Broken again while the summary is open: a ticket of its own.
    await load('run/3', [broken(1, 3), order(51, 3)]);
    expect(await plan('run/3')).toBe(2);
    const found = await actions();
    expect(found).toEqual([
      `${cause(1)} open 2`,
      expect.stringMatching(/^summary:coupa:unknown_supplier:[0-9a-f]{12} open 1$/),
      expect.stringMatching(/^summary:coupa:unknown_supplier:[0-9a-f]{12} resolve 1$/),
    ]);
    await expectEachUpdateHasItsTicket();
  });
});
