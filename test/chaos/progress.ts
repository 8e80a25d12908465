import { inspect } from 'node:util';
import { BatonError, type ErrorView, type RunHandle } from '../../src/client/index.js';
import type { World } from './world.js';

/** How many pages are landed, of all streams. */
export async function landedPages(world: World): Promise<number> {
  const rows = await world.controlRows<{ n: number }>(
    'SELECT coalesce(sum(pages), 0)::int AS n FROM control.parts',
  );
  return rows[0]?.n ?? 0;
}

export async function stepHasStarted(world: World, step: string): Promise<boolean> {
  const rows = await world.controlRows(
    'SELECT 1 FROM control.steps WHERE step_id = $1 AND started_at IS NOT NULL',
    [step],
  );
  return rows.length > 0;
}

/** What a run that failed says of it. */
export async function errorOf(world: World, run: RunHandle): Promise<ErrorView> {
  const outcome = await world.resultOf(run).catch((error: unknown) => error);
  if (!(outcome instanceof BatonError))
    throw new Error(`${run.id} did not fail as a run does: ${inspect(outcome)}`);
  const rows = await world.controlRows<{ error: ErrorView | null }>(
    `SELECT error FROM control.runs WHERE id = $1 AND state = 'failed'`,
    [run.id],
  );
  const error = rows[0]?.error;
  if (error === null || error === undefined) throw new Error(`${run.id} stored no error`);
  return error;
}

/** The vendor's failures that were counted against the user's retries. */
export async function vendorFailures(world: World): Promise<number> {
  const rows = await world.controlRows<{ n: number }>(
    'SELECT sum(vendor_failures)::int AS n FROM control.steps',
  );
  return rows[0]?.n ?? 0;
}

/**
 * The staging table of the latest attempt at what is not merged yet: by name, as Baton itself tells attempts apart. Not
 * by age: a worker that comes back from a freeze begins with the attempts that Temporal had handed to it meanwhile and
 * given up since, and each of those opens a table after that of the attempt that counts.
 */
export async function newestStaging(world: World, parent: string): Promise<string | undefined> {
  const rows = await world.warehouseRows<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = to_regclass($1) AND obj_description(c.oid, 'pg_class') LIKE 'opened %'
     ORDER BY c.relname COLLATE "C" DESC LIMIT 1`,
    [`staging.${parent}`],
  );
  return rows[0]?.name;
}

export async function isMerged(world: World, target: string, tenant = 'default'): Promise<boolean> {
  const rows = await world.warehouseRows(
    `SELECT FROM raw._baton_loads WHERE target = $1 AND tenant = $2 AND state = 'loaded'`,
    [target, tenant],
  );
  return rows.length > 0;
}
