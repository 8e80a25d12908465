import type { Knex } from 'knex';
import { only, query } from '../../database/postgres.js';
import type { LoadNote } from '../../lake/load-note.js';
import { BatonError } from '../../protocol/errors.js';
import type { LoadCounts, LoadKey, LoadResult, TableSpec, WatermarkMove } from '../port.js';
import { bindingsOf, countOutcomes } from './merge-rows.js';
import { batchLabel, identifier, keyColumn, qualified } from './names.js';
import { addedColumns } from './shape/registry.js';
import type { MergedSpec } from './shape/value.js';
import { strategyFor } from './write/index.js';

/**
 * Loads one staged batch in one transaction: takes the fence, writes as the table's strategy says, quarantines, accounts, moves the
 * watermark. A batch that is merged already answers its stored counts and changes nothing.
 */
export async function mergeBatch(
  knex: Knex,
  declared: TableSpec,
  staging: string,
  load: LoadKey,
  expected: number,
  watermark: WatermarkMove | null,
): Promise<LoadResult> {
  return knex.transaction(async (trx) => {
    await trx.raw('SELECT pg_advisory_xact_lock(hashtextextended(?, 7203321004))', [declared.table]);
    // Room for the keys of a million rows; beyond it the server goes to disk.
    await trx.raw(`SET LOCAL work_mem = '64MB'; SET LOCAL default_statistics_target = 10;
      LOCK TABLE ${qualified(declared.table)} IN ROW EXCLUSIVE MODE`);
    const fence = await trx.raw(
      `UPDATE raw._baton_loads SET state = 'loaded', loaded_at = clock_timestamp(),
              read = 0, loaded = 0, unchanged = 0, quarantined = 0, duplicate = 0, stale = 0, filtered = 0
       WHERE batch_id = ? AND generation = ? AND state = 'open' RETURNING opened_at::text AS opened`,
      [load.batchId, load.generation],
    );
    if (fence.rowCount !== 1) {
      const stored = await readCounts(trx, load.batchId, load.generation);
      if (stored === null)
        throw new BatonError('ERR_INTERNAL', {
          detail: `Batch ${batchLabel(load)} was never opened in the warehouse.`,
        });
      return { counts: stored, merged: false };
    }
    // Whoever adds a column waits until this load is over, or did so before the lock: no row lacks one that was there.
    const spec: MergedSpec = {
      ...declared,
      added: await addedColumns(trx, declared.table, load.connection),
    };
    // A table as fresh as this has no statistics: the planner would take it for a handful of rows and loop over
    // the target once for each of them.
    await trx.raw(
      `ANALYZE staging.${identifier(staging)} (${identifier(keyColumn(spec))}, _verdict, _part, _line)`,
    );

    const from = `staging.${identifier(staging)}`;
    await strategyFor(spec).write(trx, spec, from, bindingsOf(spec, load, fence.rows[0].opened));
    const counts = await countOutcomes(trx, from);
    if (counts.read !== expected)
      throw new BatonError('ERR_STAGING_LOST', {
        detail: `staging.${staging} holds ${counts.read} records of ${expected}.`,
      });
    await supersedeQuarantine(trx, spec, staging, load);
    if (counts.quarantined > 0) await quarantine(trx, spec, staging, load);
    await trx.raw(
      `UPDATE raw._baton_loads SET read = ?, loaded = ?, unchanged = ?, quarantined = ?, duplicate = ?, stale = ?, filtered = ?
       WHERE batch_id = ? AND generation = ?`,
      [
        counts.read,
        counts.loaded,
        counts.unchanged,
        counts.quarantined,
        counts.duplicate,
        counts.stale,
        counts.filtered,
        load.batchId,
        load.generation,
      ],
    );
    if (watermark !== null) await moveWatermark(trx, load, watermark);
    return { counts, merged: true };
  });
}

/** A record that comes good, or fails anew, supersedes its earlier failure. */
async function supersedeQuarantine(
  trx: Knex.Transaction,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
): Promise<void> {
  const bindings = { target: spec.table, tenant: load.tenant, source: load.connection };
  const waiting = `q.target = :target AND q.tenant = :tenant AND q.source = :source AND q.state = 'waiting'
       AND q.record_id IS NOT NULL`;
  const { rows } = await query(
    trx,
    `SELECT EXISTS (SELECT FROM quarantine.records q WHERE ${waiting}) AS any`,
    bindings,
  );
  if (!only(rows as { any: boolean }[]).any) return;
  await query(
    trx,
    `UPDATE quarantine.records q SET state = 'superseded'
     FROM staging.${identifier(staging)} s
     WHERE ${waiting} AND q.record_id = coalesce(s.${identifier(keyColumn(spec))}::text, s._record_id)`,
    bindings,
  );
}

/** Failing records, beside the table they were meant for. */
async function quarantine(
  trx: Knex.Transaction,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
): Promise<void> {
  await query(
    trx,
    `INSERT INTO quarantine.records (target, tenant, source, stream, record_id, rule, reason, path, value, violations,
                                     raw, run_id, batch_id, part, line)
     SELECT :target, :tenant, :source, :stream, _record_id, _violations -> 0 ->> 'rule', _violations -> 0 ->> 'reason',
            _violations -> 0 ->> 'path', _violations -> 0 ->> 'value', _violations, _bad, :run, :batch, _part, _line
     FROM staging.${identifier(staging)} WHERE _verdict = 'quarantined'`,
    {
      target: spec.table,
      tenant: load.tenant,
      source: load.connection,
      stream: load.stream,
      run: load.runId,
      batch: batchLabel(load),
    },
  );
}

async function moveWatermark(trx: Knex.Transaction, load: LoadKey, move: WatermarkMove): Promise<void> {
  await query(
    trx,
    `INSERT INTO raw._baton_watermarks AS w (connection, stream, tenant, value, moved_by)
     SELECT :connection, :stream, :tenant, :to, :run WHERE :from::text IS NULL
        OR EXISTS (SELECT 1 FROM raw._baton_watermarks WHERE connection = :connection AND stream = :stream AND tenant = :tenant)
     ON CONFLICT (connection, stream, tenant) DO UPDATE SET value = excluded.value, moved_by = excluded.moved_by, moved_at = now()
     WHERE w.value = :from::text`,
    {
      connection: load.connection,
      stream: load.stream,
      tenant: load.tenant,
      to: move.to,
      run: load.runId,
      from: move.from,
    },
  );
}

export async function readCounts(
  knex: Knex,
  batchId: string,
  generation: number,
): Promise<LoadCounts | null> {
  const { rows } = await knex.raw(
    `SELECT read::int, loaded::int, unchanged::int, quarantined::int, duplicate::int, stale::int, filtered::int
     FROM raw._baton_loads WHERE batch_id = ? AND generation = ? AND state = 'loaded'`,
    [batchId, generation],
  );
  return rows[0] ?? null;
}

export async function readLoadNote(
  knex: Knex,
  batchId: string,
  generation: number,
): Promise<LoadNote | null> {
  const { rows } = await knex.raw(
    `SELECT l.loaded_at, w.value AS watermark FROM raw._baton_loads l
     LEFT JOIN raw._baton_watermarks w USING (connection, stream, tenant)
     WHERE batch_id = ? AND generation = ? AND state = 'loaded'`,
    [batchId, generation],
  );
  const counts = await readCounts(knex, batchId, generation);
  const [row] = rows;
  if (row === undefined || counts === null) return null;
  return { loadedAt: row.loaded_at.toISOString(), counts: { ...counts }, watermark: row.watermark };
}
