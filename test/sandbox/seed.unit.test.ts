import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createCoupaStore } from '../../src/sandbox/coupa/store.js';
import { Draw } from '../../src/sandbox/rng.js';
import { seededAccounts, seededContacts, withChecksum } from '../../src/sandbox/seed/accounts.js';
import { plantsFor } from '../../src/sandbox/seed/plan.js';
import { createSeed } from '../../src/sandbox/seed/seed.js';
import { truthOf } from '../../src/sandbox/seed/truth.js';

function digest(seed: number, records: number): string {
  const store = createCoupaStore(createSeed(seed, records));
  const hash = createHash('sha256');
  for (let at = 0; at < 150; at++) hash.update(store.purchase_orders.text(at));
  for (let at = 0; at < 50; at++) hash.update(store.invoices.text(at)).update(store.suppliers.text(at));
  return hash.update(JSON.stringify([seededAccounts(seed), seededContacts(seed)])).digest('hex');
}

describe('the seed', () => {
  test('is the same on every machine: change it knowingly', () => {
    expect(digest(1, 3000)).toBe('89a41be22da6e1ef6e0afe81455bbaaaec5f0dc546b14f6fb532b94fd2703aa3');
  });

  test('another seed is another world', () => {
    expect(digest(2, 3000)).not.toBe(digest(1, 3000));
  });

  test('an order is about 1.7 KB', () => {
    const { purchase_orders } = createCoupaStore(createSeed(1, 3000));
    const bytes = purchase_orders.ids.map((_, at) => Buffer.byteLength(purchase_orders.text(at)));
    const mean = bytes.reduce((sum, one) => sum + one, 0) / bytes.length;
    expect(mean).toBeGreaterThan(1_500);
    expect(mean).toBeLessThan(2_200);
  });

  test.each([0, 1, 7, 40, 208, 3000, 20_000])(
    '%i records hold their plants at distinct places',
    (records) => {
      const places = [...plantsFor(records).keys()];
      expect(new Set(places).size).toBe(places.length);
      expect(places.every((place) => place < records)).toBe(true);
      expect(truthOf(createSeed(1, records)).counts.orders).toBe(records);
    },
  );

  test('nothing lies outside the seeded time, and no change lies before its creation', () => {
    const { purchase_orders: orders, invoices } = createCoupaStore(createSeed(3, 3000));
    const to = Date.parse('2026-06-15T00:00:00Z');
    expect(Math.min(...orders.created)).toBeGreaterThanOrEqual(Date.parse('2026-06-01T00:00:00Z'));
    expect(Math.max(...orders.updated, ...invoices.updated)).toBeLessThan(to);
    expect(orders.created.every((created, at) => created <= (orders.updated[at] ?? 0))).toBe(true);
  });

  test('some orders were last changed many days after they were created', () => {
    const { created, updated } = createCoupaStore(createSeed(1, 3000)).purchase_orders;
    const days = created.map((from, at) => ((updated[at] ?? 0) - from) / 86_400_000);
    expect(days.filter((age) => age > 5).length).toBeGreaterThan(30);
  });
});

describe('Salesforce ids', () => {
  test('carry the checksum that the vendor documents', () => {
    expect(withChecksum('001A0000006Vm9r')).toBe('001A0000006Vm9rIAC');
    expect(withChecksum('003AbCdE0000ZzZ')).toBe('003AbCdE0000ZzZIFU');
  });

  test('are unique, 18 characters long, and contacts name accounts that exist', () => {
    const accounts = seededAccounts(1).map(({ Id }) => String(Id));
    const contacts = seededContacts(1);
    expect(new Set(accounts).size).toBe(150);
    expect(new Set(contacts.map(({ Id }) => Id)).size).toBe(450);
    expect(accounts.every((id) => /^001[A-Za-z0-9]{15}$/.test(id))).toBe(true);
    expect(contacts.every(({ AccountId }) => accounts.includes(String(AccountId)))).toBe(true);
  });
});

test('draws are spread over their range and repeatable', () => {
  const draws = Array.from({ length: 2_000 }, (_, at) => new Draw(1, at).next());
  expect(draws).toEqual(Array.from({ length: 2_000 }, (_, at) => new Draw(1, at).next()));
  const mean = draws.reduce((sum, one) => sum + one, 0) / draws.length;
  expect(mean).toBeGreaterThan(0.47);
  expect(mean).toBeLessThan(0.53);
});
