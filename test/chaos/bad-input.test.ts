import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { catalogue, type ErrorName } from '../../src/protocol/errors.js';
import type { FaultKind } from '../../src/sandbox/faults.js';
import { expectOneTicketEach } from './invariants.js';
import { type Picture, pictureOf } from './picture.js';
import { errorOf } from './progress.js';
import { createWorld, type World } from './world.js';

interface Case {
  readonly kind: FaultKind;
  readonly error: ErrorName;
  readonly says: RegExp;
}

/** Each strikes Coupa's orders from the ninth request on, until it is mended. */
const cases: readonly Case[] = [
  { kind: 'html', error: 'ERR_SOURCE_BAD_RESPONSE', says: /coupa.*HTML/is },
  { kind: 'empty_body', error: 'ERR_SOURCE_BAD_RESPONSE', says: /coupa.*empty/is },
  { kind: 'truncate', error: 'ERR_SOURCE_BAD_RESPONSE', says: /coupa.*cut off/is },
  {
    kind: 'endless_cursor',
    error: 'ERR_CURSOR_ENDLESS',
    says: /coupa.*purchase_order.*does not come after/is,
  },
  { kind: 'auth_dead', error: 'ERR_SOURCE_AUTH', says: /coupa.*(401|refused|token)/is },
];

describe('a vendor that answers nonsense', () => {
  let world: World;
  let undisturbed: Picture;

  beforeAll(async () => {
    const tenants = ['default', ...cases.map(({ kind }) => kind)];
    world = await createWorld({ records: 600, tenants });
    await world.startWorkers();
    await world.resultOf(await world.startRun());
    await world.settled();
    undisturbed = await pictureOf(world);
  }, 120_000);
  afterAll(() => world?.close());
  // Also after a case that failed: the fault of one would hide that of the next.
  afterEach(() => world.sandbox.faults.clear());

  it.each(cases)(
    '$kind: the run says so, and the next one loads everything',
    async ({ kind, error, says }) => {
      const fault = world.sandbox.faults.add({
        vendor: 'coupa',
        kind,
        match: { path: '/api/purchase_orders' },
        skip: 8,
        count: null,
      });
      const failure = await errorOf(world, await world.startRun(kind));
      world.sandbox.faults.clear(fault.id);
      expect(failure).toMatchObject({ code: catalogue[error].code, detail: expect.stringMatching(says) });

      expect((await world.resultOf(await world.startRun(kind))).state).toBe('succeeded');
      await world.settled();
      const found = await pictureOf(world, kind);
      for (const table of [
        'po_fact',
        'po_line_fact',
        'discrepancies',
        'suppliers',
        'totals',
        'invoices',
        'quarantine',
      ])
        expect(found.tables[table], table).toEqual(undisturbed.tables[table]);
      await expectOneTicketEach(world);
    },
  );
});
