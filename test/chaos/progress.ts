import type { World } from './world.js';

/** How many parts are landed, of all streams. */
export async function landedParts(world: World): Promise<number> {
  const rows = await world.controlRows<{ n: number }>('SELECT count(*)::int AS n FROM control.parts');
  return rows[0]?.n ?? 0;
}

export async function stepHasStarted(world: World, step: string): Promise<boolean> {
  const rows = await world.controlRows(
    'SELECT 1 FROM control.steps WHERE step_id = $1 AND started_at IS NOT NULL',
    [step],
  );
  return rows.length > 0;
}

/** The vendor's failures that were counted against the user's retries. */
export async function vendorFailures(world: World): Promise<number> {
  const rows = await world.controlRows<{ n: number }>(
    'SELECT sum(vendor_failures)::int AS n FROM control.steps',
  );
  return rows[0]?.n ?? 0;
}
