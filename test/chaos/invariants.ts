import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { RunResult } from '../../src/client/index.js';
import { type Picture, pictureOf, visibleTickets } from './picture.js';
import type { World } from './world.js';

/** Everything that must hold once runs have ended and effects have settled, whatever happened on the way. */
export async function expectIntact(world: World, undisturbed: Picture): Promise<void> {
  await expectLakeInOrder(world);
  await expectAccounts(world);
  await expectOneTicketEach(world);
  await expectNothingLeftOpen(world);
  expectSame(await pictureOf(world), undisturbed);
}

/** Names the first few differences instead of printing two tables. */
function expectSame(found: Picture, wanted: Picture): void {
  const differences: string[] = [];
  const compare = (name: string, one: readonly string[] = [], other: readonly string[] = []) => {
    if (one.length !== other.length) differences.push(`${name}: ${one.length} instead of ${other.length}`);
    const at = one.findIndex((row, index) => row !== other[index]);
    if (at !== -1) differences.push(`${name}[${at}]: ${one[at]}\n  instead of ${other[at]}`);
  };
  for (const name of new Set([...Object.keys(wanted.tables), ...Object.keys(found.tables)]))
    compare(name, found.tables[name], wanted.tables[name]);
  for (const name of new Set([...Object.keys(wanted.records), ...Object.keys(found.records)]))
    compare(`lake ${name}`, found.records[name], wanted.records[name]);
  compare('tickets', found.tickets, wanted.tickets);
  expect(differences).toEqual([]);
}

interface PartRow {
  readonly key: string;
  readonly sha256: string;
  readonly manifest_key: string | null;
}

/** The lake holds exactly the objects that were recorded, each once, with the bytes that were recorded. */
export async function expectLakeInOrder(world: World): Promise<void> {
  const parts = await world.controlRows<PartRow>(
    `SELECT p.key, p.sha256, b.manifest_key FROM control.parts p JOIN control.batches b USING (batch_id, generation)
     WHERE p.key IS NOT NULL`,
  );
  expect(new Set(parts.map((part) => part.key)).size).toBe(parts.length);
  const changed = parts.filter(({ key, sha256 }) => {
    const file = path.join(world.lake, key);
    return !existsSync(file) || createHash('sha256').update(readFileSync(file)).digest('hex') !== sha256;
  });
  expect(changed).toEqual([]);
  const manifests = parts.flatMap(({ manifest_key: key }) => (key === null ? [] : [key]));
  // Beside a manifest stands what its load came to.
  const notes = manifests.map((key) => `${path.posix.dirname(key)}/_loaded.json`);
  const recorded = new Set([...parts.map(({ key }) => key), ...manifests, ...notes]);
  expect(lakeObjects(world).filter((key) => !recorded.has(key))).toEqual([]);
}

function lakeObjects(world: World): string[] {
  return readdirSync(world.lake, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(world.lake, path.join(entry.parentPath, entry.name)))
    .filter((key) => !key.startsWith('.drafts'));
}

/** read = loaded + unchanged + quarantined + duplicate + stale + filtered, and each landed batch is loaded once. */
async function expectAccounts(world: World): Promise<void> {
  const wrong = await world.warehouseRows(
    `SELECT * FROM raw._baton_loads WHERE state = 'loaded' AND read <> loaded + unchanged + quarantined + duplicate + stale + filtered`,
  );
  expect(wrong).toEqual([]);
  const loads = await world.warehouseRows<{ batch: string; read: string }>(
    `SELECT batch_id || '.' || generation AS batch, read::text AS read FROM raw._baton_loads WHERE state = 'loaded' ORDER BY 1`,
  );
  const landed = await world.controlRows<{ batch: string; read: string }>(
    `SELECT b.batch_id || '.' || b.generation AS batch, b.records::text AS read FROM control.batches b
     JOIN control.runs r ON r.id = b.run_id WHERE b.state = 'landed' AND r.state = 'succeeded' ORDER BY 1`,
  );
  expect(loads).toEqual(expect.arrayContaining(landed));
}

/** Each discrepancy has one ticket, which exists once at the vendor and is the one that the ledger names. */
export async function expectOneTicketEach(world: World): Promise<void> {
  const tickets = await visibleTickets(world);
  expect(new Set(tickets.map((ticket) => ticket.externalId)).size).toBe(tickets.length);
  const opened = await world.controlRows<{ cause: string; marker: string; remote_id: string }>(
    `SELECT cause, marker, remote_id FROM control.effects WHERE kind = 'ticket.open' AND state = 'confirmed' ORDER BY marker`,
  );
  const seen = tickets.map((ticket) => `${ticket.externalId} ${ticket.id}`).sort();
  expect(opened.map(({ marker, remote_id }) => `${marker} ${remote_id}`).sort()).toEqual(seen);
  const causes = await world.warehouseRows<{ cause: string }>(
    'SELECT DISTINCT ticket_cause AS cause FROM analytics.po_discrepancy ORDER BY 1',
  );
  expect(new Set(causes.map(({ cause }) => cause))).toEqual(new Set(opened.map(({ cause }) => cause)));
}

async function expectNothingLeftOpen(world: World): Promise<void> {
  const open = await world.controlRows(
    `SELECT 'effect' AS what, key AS id, state FROM control.effects WHERE state <> 'confirmed'
     UNION ALL SELECT 'run', id, state FROM control.runs WHERE state IN ('queued', 'running', 'waiting')
     UNION ALL SELECT 'step', run_id || ' ' || step_id, state FROM control.steps WHERE state IN ('pending', 'running', 'retrying')
     UNION ALL SELECT 'slot', run_id, key FROM control.slots`,
  );
  expect(open).toEqual([]);
}

/** What the run itself says adds up and agrees with an undisturbed one. */
export function expectReceipt(result: RunResult, undisturbed: RunResult): void {
  const { receipt } = result;
  expect(result.state).toBe('succeeded');
  expect(receipt).toEqual({ ...undisturbed.receipt, calls: receipt.calls });
  expect(receipt.read).toBe(
    receipt.loaded +
      receipt.unchanged +
      receipt.quarantined +
      receipt.duplicate +
      receipt.stale +
      receipt.filtered,
  );
}
