import { expect, it } from 'vitest';
import type { FreshStore } from '../../src/sandbox/freshworks/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { VendorName } from '../../src/sandbox/wire.js';
import { type Ledger, opening, openLedger } from './ledger.js';

const causes = Array.from({ length: 30 }, (_, n) => `cause-${n}`);
/** Longer than any desk takes to commit what it has not answered. */
const settledMs = 61_000;
const lateSeconds = 20;

interface Seen {
  readonly marker: string | null;
  readonly isOpen: boolean;
}

/** What a person sees at each desk, read out of the sandbox's own store. */
const desks: Readonly<
  Partial<Record<VendorName, { method?: string; create: string; tickets(sandbox: Sandbox): readonly Seen[] }>>
> = {
  zendesk: {
    create: '/api/v2/tickets.json',
    tickets: (sandbox) =>
      sandbox.tickets.all().map(({ externalId, status }) => ({
        marker: externalId,
        isOpen: status !== 'solved' && status !== 'closed',
      })),
  },
  freshservice: { create: '/api/v2/tickets', tickets: ({ freshservice }) => seenIn(freshservice) },
  freshdesk: { create: '/api/v2/tickets', tickets: ({ freshdesk }) => seenIn(freshdesk) },
  salesforce: {
    method: 'PATCH',
    create: '/services/data/v62.0/sobjects/Case/Baton_Key__c/',
    tickets: ({ salesforce }) =>
      salesforce.records('Case').map((one) => ({
        marker: one['Baton_Key__c'] === null ? null : String(one['Baton_Key__c']),
        isOpen: one['IsClosed'] !== true,
      })),
  },
};

function seenIn({ tickets }: FreshStore): readonly Seen[] {
  return tickets.map(({ tags, status }) => ({
    marker: tags.find((tag) => tag.startsWith('btn-')) ?? null,
    isOpen: status < 4,
  }));
}

const kinds = ['accept_then_reset', 'accept_then_500', 'accept_late_then_reset'] as const;
const struck = Object.entries(desks).flatMap(([name, desk]) =>
  kinds.map((kind) => ({ connection: name as VendorName, desk, kind })),
);

/** All at once, each with a ledger and a desk of its own. */
it.concurrent.each(struck)(
  'thirty causes have one visible ticket each at $connection after $kind and the sweep',
  async (one) => {
    const ledger = await openLedger({ hasBreaker: false });
    try {
      await strike(ledger, one);
    } finally {
      await ledger.close();
    }
  },
  120_000,
);

async function strike(ledger: Ledger, { connection, desk, kind }: (typeof struck)[number]): Promise<void> {
  const match = { method: desk.method ?? 'POST', path: desk.create };
  const params = { seconds: lateSeconds };
  const fault = ledger.sandbox.faults.add({ vendor: connection, kind, match, count: causes.length, params });
  await ledger.intend(...causes.map((cause) => opening('default', cause, connection)));
  const drain = () => ledger.drain('default', { connection });
  // Some failures in a row end a round, so it takes several until all were struck.
  for (let round = 0; round < 60 && fault.struck < causes.length; round += 1) {
    await drain();
    await ledger.pass(3_000);
  }
  expect(fault.struck).toBe(causes.length);
  if (kind === 'accept_late_then_reset')
    await new Promise((resolve) => setTimeout(resolve, (lateSeconds + 1) * 1_000));
  let left = await drain();
  for (let round = 0; round < 60 && left.open > 0; round += 1) {
    await ledger.pass(settledMs);
    left = await drain();
  }
  expect(left).toMatchObject({ open: 0 });
  await ledger.pass(601_000);
  expect(await drain()).toMatchObject({ open: 0, unswept: 0 });

  const rows = await ledger.rows('default');
  expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(['confirmed']));
  const open = desk.tickets(ledger.sandbox).filter(({ isOpen }) => isOpen);
  const visible = rows.map(({ marker }) => open.filter((one) => one.marker === marker).length);
  expect(visible).toEqual(causes.map(() => 1));
}
