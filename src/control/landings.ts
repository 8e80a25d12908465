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

/** Which events are landed together: written down first, so that a repeat lands the very same; one at a time. */
export function createLandingStore(control: Database) {
  const { knex } = control;
  return {
    /** Puts together what is due: so many events of a connection, or the oldest so old. */
    begin({ size, ageMs }: { readonly size: number; readonly ageMs: number }): Promise<Landing[]> {
      return control.guard('putting events together', async () => {
        const { rows } = await query<Landing>(
          knex,
          `INSERT INTO control.landings (id, connection, tenant, events)
           SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint || '-' || min(id), connection, tenant,
                  ARRAY(SELECT id FROM control.inbox i
                        WHERE i.connection = o.connection AND i.tenant = o.tenant AND i.lands AND i.landed_at IS NULL
                        ORDER BY id LIMIT :size)
           FROM control.inbox o WHERE lands AND landed_at IS NULL
           GROUP BY connection, tenant
           HAVING count(*) >= :size OR min(accepted_at) <= clock_timestamp() - :age * interval '1 millisecond'
           ON CONFLICT DO NOTHING RETURNING id, connection, tenant`,
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
          `UPDATE control.landings SET begun_at = clock_timestamp()
           WHERE begun_at < clock_timestamp() - :abandoned * interval '1 millisecond' RETURNING id, connection, tenant`,
          { abandoned: abandonedMs },
        );
        return rows;
      });
    },

    /** Its events in order; none when somebody has ended it. */
    rows({ id }: Landing): Promise<InboxRow[]> {
      return control.guard('reading events to land', async () => {
        const { rows } = await query<InboxRow>(
          knex,
          `SELECT * FROM control.inbox
           WHERE id = ANY (SELECT unnest(events) FROM control.landings WHERE id = :id) ORDER BY id`,
          { id },
        );
        return rows;
      });
    },

    /** They are in the lake: what has no consumer is processed with that. */
    async landed({ id }: Landing, key: string, load: string): Promise<void> {
      await control.guard('noting landed events', () =>
        query(
          knex,
          `WITH ended AS (DELETE FROM control.landings WHERE id = :id RETURNING events)
           UPDATE control.inbox SET landed_at = clock_timestamp(), lake_key = :key,
                  state = CASE WHEN ${isDone} THEN 'processed' ELSE state END,
                  detail = CASE WHEN ${isDone} THEN :load ELSE detail END,
                  ended_at = CASE WHEN ${isDone} THEN clock_timestamp() ELSE ended_at END
           WHERE id = ANY (SELECT unnest(events) FROM ended) AND landed_at IS NULL`,
          { id, key, load },
        ),
      );
    },
  };
}

const isDone = `consumer IS NULL AND state = 'accepted'`;
