import { type Database, query } from '../database/postgres.js';
import type { InboxRow } from './inbox.js';

/** Events of one connection and tenant that go into the lake together. */
export interface Landing {
  readonly id: string;
  readonly connection: string;
  readonly tenant: string;
}

/** Longer than this no landing takes: whoever began it is gone, or frozen, and another may do it again. */
const abandonedMs = 60_000;

export type LandingStore = ReturnType<typeof createLandingStore>;

/** Which events are landed together: written down first, so that a repeat lands the very same. */
export function createLandingStore(control: Database) {
  const { knex } = control;
  return {
    /** Puts together what is due: so many events of a connection, or the oldest so old. */
    begin({ size, ageMs }: { readonly size: number; readonly ageMs: number }): Promise<Landing[]> {
      return control.guard('putting events together', async () => {
        const { rows } = await query<Landing>(
          knex,
          `WITH due AS (
             SELECT connection, tenant, (extract(epoch FROM clock_timestamp()) * 1000)::bigint || '-' || min(id) AS landing
             FROM control.inbox WHERE lands AND landed_at IS NULL AND landing IS NULL
             GROUP BY connection, tenant
             HAVING count(*) >= :size OR min(accepted_at) <= clock_timestamp() - :age * interval '1 millisecond'),
           taken AS (
             UPDATE control.inbox i SET landing = due.landing FROM due
             WHERE i.id IN (SELECT id FROM control.inbox o
                            WHERE o.connection = due.connection AND o.tenant = due.tenant AND o.lands
                              AND o.landed_at IS NULL AND o.landing IS NULL
                            ORDER BY id LIMIT :size FOR UPDATE SKIP LOCKED)
             RETURNING due.landing, due.connection, due.tenant)
           SELECT DISTINCT landing AS id, connection, tenant FROM taken`,
          { size, age: ageMs },
        );
        return rows;
      });
    },

    /** Landings that somebody began and has not ended for long; they are this caller's for as long. */
    takeOver(): Promise<Landing[]> {
      return control.guard('looking for events to land', async () => {
        const { rows } = await query<Landing>(
          knex,
          `SELECT DISTINCT landing AS id, connection, tenant FROM control.inbox
           WHERE lands AND landed_at IS NULL
             AND split_part(landing, '-', 1)::bigint < extract(epoch FROM clock_timestamp()) * 1000 - :abandoned`,
          { abandoned: abandonedMs },
        );
        return rows;
      });
    },

    rows(landing: Landing): Promise<InboxRow[]> {
      return control.guard('reading events to land', async () => {
        const { rows } = await query<InboxRow>(
          knex,
          `SELECT * FROM control.inbox
           WHERE landing = :id AND connection = :connection AND tenant = :tenant ORDER BY id`,
          { ...landing },
        );
        return rows;
      });
    },

    /** They are in the lake: what has no consumer is processed with that. */
    async landed(landing: Landing, key: string, load: string): Promise<void> {
      await control.guard('noting landed events', () =>
        query(
          knex,
          `UPDATE control.inbox SET landed_at = clock_timestamp(), lake_key = :key,
                  state = CASE WHEN ${isDone} THEN 'processed' ELSE state END,
                  detail = CASE WHEN ${isDone} THEN :load ELSE detail END,
                  ended_at = CASE WHEN ${isDone} THEN clock_timestamp() ELSE ended_at END
           WHERE landing = :id AND connection = :connection AND tenant = :tenant AND landed_at IS NULL`,
          { ...landing, key, load },
        ),
      );
    },
  };
}

const isDone = `consumer IS NULL AND state = 'accepted'`;
