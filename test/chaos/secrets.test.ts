import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../../src/protocol/errors.js';
import type { FaultKind } from '../../src/sandbox/faults.js';
import { errorOf, landedPages } from './progress.js';
import type { Postgres } from './servers.js';
import { until } from './wait.js';
import { createWorld, type World } from './world.js';

describe('secrets', () => {
  let world: World;
  /** A secret that the vendor refuses is a secret all the same. */
  const refused = `canary${randomBytes(18).toString('hex')}`;

  beforeAll(async () => {
    world = await createWorld({ records: 400, requestsPerSecond: 20, timeoutMs: 1_500 });
  }, 60_000);
  afterAll(() => world?.close());

  it('are nowhere: not in histories, logs, lake, databases, tickets or messages, whatever fails', async () => {
    const workers = await world.startWorkers();

    // Failures of the vendors and of the database on the way to success.
    for (const [vendor, kind, at] of [
      ['coupa', 'status', '/api/suppliers'],
      ['coupa', 'hang', '/api/invoices'],
      ['coupa', 'reset', '/oauth2'],
      ['coupa', 'token_expired', '/api/purchase_orders'],
      ['zendesk', 'status', '/'],
      ['zendesk', 'accept_then_reset', '/api/v2/tickets'],
      ['slack', 'status', '/'],
    ] as const satisfies readonly (readonly [string, FaultKind, string])[])
      world.sandbox.faults.add({ vendor, kind, match: { path: at }, skip: 1 });
    const good = await world.startRun();
    await until('something is landed', async () => (await landedPages(world)) > 3);
    await world.control.crash();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await world.control.restart();
    expect((await world.resultOf(good)).state).toBe('succeeded');
    world.sandbox.faults.clear();

    // A worker with a wrong secret: the run fails, a message tells of it.
    await workers.data.kill();
    const wrong = world.worker('data', 'worker-data-wrong', { COUPA_CLIENT_SECRET: refused });
    await wrong.start();
    const failure = await errorOf(world, await world.startRun());
    expect(failure.code).toBe(catalogue.ERR_SOURCE_AUTH.code);
    await world.settled();

    // A worker that cannot even reach its database.
    const locked = world.worker('data', 'worker-data-locked', { BATON_PG_PASSWORD: refused });
    await expect(locked.start()).rejects.toThrow('ended before it was ready');

    const everywhere = new Map<string, string>([
      ['histories', await histories(world)],
      ['vendors', await vendors(world)],
      ['control', await dump(world.control, 'control')],
      ['warehouse', await dump(world.warehouse, 'warehouse')],
      ...files(world.folder),
    ]);
    // The search itself must be able to find something in each of them.
    for (const [place, word] of [
      ['histories', 'po_data_pipeline'],
      ['histories', 'refused our credentials'],
      ['vendors', 'btn-'],
      ['vendors', 'ERR_SOURCE_AUTH|BTN-2005'],
      ['control', 'BTN-2005'],
      ['warehouse', 'supplier'],
      ['temporal.db', 'po_data_pipeline'],
      ['worker-data.log', 'extractStream'],
      ['lake/', 'order-lines'],
    ] as const)
      expect(
        [...everywhere].some(([name, text]) => name.startsWith(place) && new RegExp(word).test(text)),
        word,
      ).toBe(true);

    expect(findings(everywhere, needles(world, refused))).toEqual([]);
  });
});

/** Each secret as it is, and in the forms in which it travels. */
function needles(world: World, refused: string): string[] {
  const { ZENDESK_API_TOKEN: token = '' } = world.secrets;
  const plain = [...Object.values(world.secrets), refused];
  const bearer = Buffer.from('{"vendor":"').toString('base64url').slice(0, 14); // how the sandbox's tokens begin
  return [
    ...plain,
    ...plain.map((secret) => Buffer.from(secret).toString('base64').replace(/=+$/, '')),
    ...plain.map((secret) => Buffer.from(secret).toString('hex')),
    Buffer.from(`baton@example.com/token:${token}`).toString('base64'),
    bearer,
  ];
}

function findings(places: ReadonlyMap<string, string>, secrets: readonly string[]): string[] {
  return [...places].flatMap(([place, text]) =>
    secrets.flatMap((secret) => {
      const at = text.indexOf(secret);
      return at === -1 ? [] : [`${place}: …${text.slice(Math.max(0, at - 80), at)}<secret>`];
    }),
  );
}

/** Every event of every workflow, its payloads decoded. */
async function histories(world: World): Promise<string> {
  const connection = await Connection.connect({ address: world.temporal.address });
  const client = new Client({ connection });
  const texts: string[] = [];
  for await (const { workflowId, runId } of client.workflow.list()) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    texts.push(...textsOf(events));
  }
  await connection.close();
  return texts.join('\n');
}

/** Every text below a value, and every payload's bytes as text. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(textsOf) : [];
}

async function vendors(world: World): Promise<string> {
  const read = async (what: string) => (await fetch(`${world.sandbox.url}/_admin/${what}`)).text();
  return `${await read('tickets')}\n${await read('messages')}`;
}

/** Every row of every table as text. */
async function dump(server: Postgres, database: string): Promise<string> {
  const tables = await server.query<{ name: string }>(
    database,
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const texts: string[] = [];
  for (const { name } of tables)
    texts.push(
      ...(await server.query<{ row: string }>(database, `SELECT t::text AS row FROM ${name} t`)).map(
        ({ row }) => row,
      ),
    );
  return texts.join('\n');
}

/** Every file that the installation has written but PostgreSQL's own; lake objects decompressed. */
function files(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\/(postgres|warehouse)(\/|$)/.test(entry.parentPath))
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      const bytes = readFileSync(file);
      const text = file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
      return [path.relative(folder, file), text.toString('latin1')];
    });
}
