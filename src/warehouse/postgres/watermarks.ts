import type { Database } from '../../database/postgres.js';
import { query } from '../../database/postgres.js';
import { prepareFoundation } from './schema.js';

/** Which stream of which connection, for whom. */
export interface WatermarkKey {
  readonly connection: string;
  readonly stream: string;
  readonly tenant: string;
}

export interface WatermarkRow extends WatermarkKey {
  /** RFC 3339, by the vendor's clock. */
  readonly value: string;
  /** A run's id, or `person:<name>`. */
  readonly moved_by: string;
  readonly moved_at: Date;
}

/** One time a person set it; null = there was, or then was, none. */
export interface WatermarkChange {
  readonly before: string | null;
  readonly after: string | null;
  readonly changed_by: string;
  readonly changed_at: Date;
}

export type WatermarkStore = ReturnType<typeof createWatermarkStore>;

/** The watermarks, for people: loads move them in their own transactions (`merge.ts`). */
export function createWatermarkStore(warehouse: Database) {
  const { knex, guard } = warehouse;

  async function exists(): Promise<boolean> {
    const { rows } = await knex.raw(`SELECT to_regclass('raw._baton_watermarks') IS NOT NULL AS found`);
    return rows[0]?.found === true;
  }

  return {
    /** By connection, stream and tenant. Empty, not an error, where nothing was ever loaded. */
    list(limit: number): Promise<WatermarkRow[]> {
      return guard('listing the watermarks', async () => {
        if (!(await exists())) return [];
        const sql = 'SELECT * FROM raw._baton_watermarks ORDER BY connection, stream, tenant LIMIT :limit';
        return (await query<WatermarkRow>(knex, sql, { limit })).rows;
      });
    },

    find(key: WatermarkKey): Promise<WatermarkRow | null> {
      return guard('reading the watermark', async () => {
        if (!(await exists())) return null;
        return (
          (await query<WatermarkRow>(knex, `SELECT * FROM raw._baton_watermarks WHERE ${isKey}`, { ...key }))
            .rows[0] ?? null
        );
      });
    },

    /** When people set it, newest first. */
    changes(key: WatermarkKey, limit: number): Promise<WatermarkChange[]> {
      return guard('reading the watermark’s changes', async () => {
        const { rows: found } = await knex.raw(
          `SELECT to_regclass('raw._baton_watermark_changes') IS NOT NULL AS found`,
        );
        if (found[0]?.found !== true) return [];
        const sql = `SELECT before, after, changed_by, changed_at FROM raw._baton_watermark_changes
          WHERE ${isKey} ORDER BY id DESC LIMIT :limit`;
        return (await query<WatermarkChange>(knex, sql, { ...key, limit })).rows;
      });
    },

    /**
     * Compare-and-set, recorded in the same transaction. False when the watermark is not `before` (any more): a run
     * or another person moved it. `after` null removes it: the next run begins at the pipeline's initial value.
     */
    set(key: WatermarkKey, before: string | null, after: string | null, by: string): Promise<boolean> {
      return guard('setting the watermark', async () => {
        await prepareFoundation(knex);
        return knex.transaction(async (trx) => {
          const values = { ...key, before, after, by: `person:${by}` };
          const { rowCount } = await query(
            trx,
            before === null ? inserted : after === null ? removed : updated,
            values,
          );
          if (rowCount !== 1) return before === null && after === null;
          await query(
            trx,
            `INSERT INTO raw._baton_watermark_changes (connection, stream, tenant, before, after, changed_by)
             VALUES (:connection, :stream, :tenant, :before, :after, :by)`,
            values,
          );
          return true;
        });
      });
    },
  };
}

const isKey = 'connection = :connection AND stream = :stream AND tenant = :tenant';

const updated = `UPDATE raw._baton_watermarks SET value = :after, moved_by = :by, moved_at = now()
  WHERE ${isKey} AND value = :before`;
const removed = `DELETE FROM raw._baton_watermarks WHERE ${isKey} AND value = :before`;
const inserted = `INSERT INTO raw._baton_watermarks (connection, stream, tenant, value, moved_by)
  SELECT :connection, :stream, :tenant, :after::text, :by WHERE :after::text IS NOT NULL ON CONFLICT DO NOTHING`;
