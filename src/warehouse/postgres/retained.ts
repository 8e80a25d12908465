import { type Database, query } from '../../database/postgres.js';
import { hiddenTable } from '../../domain/write.js';
import type { LoadKey, TableSpec } from '../port.js';
import { batchLabel, identifier, keyColumn, qualified } from './names.js';

/** Why a batch's objects are still needed; null = nothing speaks against taking them away. */
export type Need =
  | 'not merged'
  | 'newest of its stream'
  | 'rows come from it'
  | 'quarantined records come from it'
  | 'its table is gone'
  | 'its records are nowhere else';

export type WarehouseRetention = ReturnType<typeof createWarehouseRetention>;

/** Whether the warehouse still needs what a batch has in the lake. */
export function createWarehouseRetention(warehouse: Database) {
  const { knex, guard } = warehouse;
  const exists = async (table: string) => {
    const { rows } = await knex.raw('SELECT to_regclass(?) IS NOT NULL AS found', [qualified(table)]);
    return rows[0].found === true;
  };

  return {
    /** What the books and the rows say; to be followed by `lacks`, which looks at the records themselves. */
    need: (table: string, load: LoadKey, before: Date): Promise<Need | null> =>
      guard('looking whether a batch is needed', async () => {
        if (!(await exists(table))) return 'its table is gone';
        const { rows } = await query<{ newest: boolean }>(
          knex,
          `SELECT NOT EXISTS (SELECT FROM raw._baton_loads o WHERE o.state = 'loaded' AND o.loaded_at > l.loaded_at
               AND (o.connection, o.stream, o.tenant, o.target) = (l.connection, l.stream, l.tenant, l.target)) AS newest
           FROM raw._baton_loads l
           WHERE l.batch_id = :id AND l.generation = :generation AND l.state = 'loaded' AND l.loaded_at < :before`,
          { id: load.batchId, generation: load.generation, before },
        );
        if (rows[0] === undefined) return 'not merged';
        if (rows[0].newest) return 'newest of its stream';
        const holders = [table, ...(table === 'analytics.po_fact' ? ['analytics.po_line_fact'] : [])];
        if (await exists(hiddenTable(table))) holders.push(hiddenTable(table));
        for (const holder of holders)
          if (await holds(holder, '_batch_id = :batch', load)) return 'rows come from it';
        const waits = `batch_id = :batch AND state = 'waiting'`;
        return (await holds('quarantine.records', waits, load)) ? 'quarantined records come from it' : null;
      }),

    /** Whether a record that was staged from the batch's objects is in the table in no version at all. */
    lacks: (spec: TableSpec, staging: string, load: LoadKey): Promise<boolean> =>
      guard('looking whether a batch is needed', async () => {
        const key = identifier(keyColumn(spec));
        const { rows } = await query<{ lacking: boolean }>(
          knex,
          `SELECT EXISTS (SELECT FROM staging.${identifier(staging)} s WHERE s._verdict = 'row' AND NOT EXISTS (
             SELECT FROM ${qualified(spec.table)} t
             WHERE t._tenant = :tenant AND t._source = :source AND t.${key} = s.${key})) AS lacking`,
          { tenant: load.tenant, source: load.connection },
        );
        return rows[0]?.lacking !== false;
      }),
  };

  async function holds(table: string, where: string, load: LoadKey): Promise<boolean> {
    const { rows } = await query<{ found: boolean }>(
      knex,
      `SELECT EXISTS (SELECT FROM ${qualified(table)} WHERE ${where}) AS found`,
      { batch: batchLabel(load) },
    );
    return rows[0]?.found !== false;
  }
}
