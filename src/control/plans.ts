import { type Database, query } from '../database/postgres.js';
import type { Plan } from '../domain/plan.js';

/** The plan that a run was claimed with, by its hash; null when it is not stored. */
export async function readPlan(control: Database, hash: string): Promise<Plan | null> {
  return control.guard('reading a plan', async () => {
    const sql = 'SELECT plan FROM control.plans WHERE hash = :hash';
    const { rows } = await query<{ plan: Plan }>(control.knex, sql, { hash });
    return rows[0]?.plan ?? null;
  });
}
