import { readFileSync } from 'node:fs';
import { lakePlace } from '../../config/index.js';
import { migrateControl } from '../../control/database.js';
import { createEffectStore } from '../../control/effects.js';
import { createLedgerRepair } from '../../control/ledger-repair.js';
import type { Database } from '../../database/postgres.js';
import { openLake } from '../../lake/open.js';
import type { Lake } from '../../lake/port.js';
import { BatonError } from '../../protocol/errors.js';
import { lakeBatches, wasLoaded } from '../../repair/lake-batches.js';
import { type LedgerRebuilt, rebuildLedger } from '../../repair/rebuild-ledger.js';
import { type Rebuilt, rebuildWarehouse } from '../../repair/rebuild-warehouse.js';
import type { TableChecksum } from '../../warehouse/postgres/checksums.js';
import { createPostgresWarehouse } from '../../warehouse/postgres/index.js';
import { createWarehouseRepair, type WarehouseRepair } from '../../warehouse/postgres/rebuild.js';
import { confirm } from '../ask.js';
import type { Cli, Handler, Options } from '../context.js';
import { one } from '../render/result.js';
import { formatCount, formatCounted, type Style } from '../render/style.js';
import { openConnection, plansOf, streamOf } from './installation.js';

/** A desk with a million tickets takes its time. */
const longestLookMs = 6 * 3_600_000;
/** How often progress is told. */
const tellEveryMs = 2_000;

/**
 * The warehouse from the lake. Into an empty one, or one that a killed rebuild has begun; into one that holds all
 * there is, it changes nothing. With --allow-destructive what is there is emptied first.
 */
export const rebuild: Handler = async (cli, _, options) => {
  const config = await cli.config();
  const lake = await openLake(lakePlace(config));
  cli.onClose(async () => lake.close());
  const database = await cli.warehouse();
  const repair = createWarehouseRepair(database);
  const expected = options['expect'] === undefined ? null : readExpected(String(options['expect']));
  if (options['dryRun'] === true) {
    const batches = await lakeBatches(lake);
    const holds = await repair.holdsLoads();
    const tables = holds ? await repair.checksums() : [];
    const unloaded = batches.filter((batch) => !wasLoaded(batch)).length;
    const data = { dryRun: true, batches: batches.length - unloaded, unloaded, tables };
    return compared(data, tables, expected, (style) => describePlan(data, style));
  }
  await prepareToWrite(cli, options, repair);
  const control = await cli.control();
  await migrateControl(control);
  const ledger = await rebuiltLedger(cli, options, { lake, repair, control });
  const warehouse = await rebuildWarehouse({
    lake,
    warehouse: createPostgresWarehouse(database),
    repair,
    effects: createEffectStore(control),
    plans: plansOf(config),
    stream: (connection, stream) => streamOf(config, connection, stream),
    onBatch: teller(cli),
    now: () => new Date(),
  });
  const data = { ...warehouse, ledger };
  return compared(data, data.tables, expected, (style) => describe(warehouse, ledger, style));
};

/** Null where the control database knows of runs, unless --ledger asks to look all the same. */
async function rebuiltLedger(
  cli: Cli,
  options: Options,
  { lake, repair, control }: { lake: Lake; repair: WarehouseRepair; control: Database },
): Promise<LedgerRebuilt | null> {
  const ledger = createLedgerRepair(control);
  if (options['ledger'] !== true && !(await ledger.isEmpty())) return null;
  const steps = plansOf(await cli.config()).flatMap((plan) => plan.steps);
  const names = steps.filter((step) => step.kind === 'tickets').map((step) => step.connection);
  const desks = await Promise.all([...new Set(names)].map((name) => openConnection(cli, name)));
  cli.note(`looking for our tickets at ${desks.map(({ name }) => name).join(', ')}`);
  const signal = AbortSignal.timeout(cli.settings.timeoutMs ?? longestLookMs);
  return rebuildLedger({ lake, ledger, repair, desks, signal });
}

async function prepareToWrite(cli: Cli, options: Options, repair: WarehouseRepair): Promise<void> {
  if (options['allowDestructive'] !== true) return;
  const { url } = (await cli.config()).warehouse;
  await confirm(cli, options, `Empty Baton’s tables in ${url} and load them again from the lake?`);
  await repair.prepare([]);
  await repair.empty();
}

function teller(cli: Cli) {
  let toldAt = 0;
  return ({
    batch,
    batches,
    records,
    what,
  }: {
    batch: number;
    batches: number;
    records: number;
    what: string;
  }) => {
    if (performance.now() - toldAt < tellEveryMs && batch < batches) return;
    toldAt = performance.now();
    cli.note(
      `${formatCount(batch)}/${formatCounted(batches, 'batches')}  ${formatCounted(records, 'records')}  ${what}`,
    );
  };
}

/** The checksums of an earlier `--dry-run --json`, or of an earlier rebuild. */
function readExpected(file: string): readonly TableChecksum[] {
  try {
    const document = JSON.parse(readFileSync(file, 'utf8')) as { data: { tables: TableChecksum[] } };
    if (Array.isArray(document.data.tables)) return document.data.tables;
  } catch (cause) {
    throw new BatonError('ERR_USAGE', { detail: `--expect: ${file} cannot be read as JSON.`, cause });
  }
  throw new BatonError('ERR_USAGE', { detail: `--expect: ${file} holds no checksums.` });
}

function compared(
  data: object,
  tables: readonly TableChecksum[],
  expected: readonly TableChecksum[] | null,
  text: (style: Style) => string,
) {
  const result = one(data, text);
  if (expected === null) return { result };
  const digests = new Map(tables.map(({ table, digest }) => [table, digest]));
  const others = expected
    .filter(({ table, digest }) => digests.get(table) !== digest)
    .map(({ table }) => table);
  if (others.length === 0) return { result };
  const detail = `Other than expected: ${others.join(', ')}.`;
  return { result, error: new BatonError('ERR_REBUILD_DIFFERS', { detail }) };
}

function describePlan(
  { batches, unloaded, tables }: { batches: number; unloaded: number; tables: readonly TableChecksum[] },
  style: Style,
): string {
  return [
    `The lake holds ${formatCounted(batches, 'batches')} to load.${unloaded === 0 ? '' : ` ${unloadedWords(unloaded)}`}`,
    tables.length === 0 ? 'The warehouse is empty.' : 'The warehouse now:',
    ...tables.map((table) => describeTable(table, style)),
    '',
  ].join('\n');
}

function describe(result: Rebuilt, ledger: LedgerRebuilt | null, style: Style): string {
  const { merged, known, records, unloaded, differences, lostTables, watermarks, discrepancies, tables } =
    result;
  return [
    ...(ledger === null ? [] : describeLedger(ledger, style)),
    `${style.green('✓')} ${formatCounted(merged, 'batches')} merged, ${formatCounted(records, 'records')}; ${formatCount(known)} were there already`,
    ...lostTables.map(
      (table) => `  ${style.dim('lost')}  ${table} was gone or empty: all its batches were loaded again`,
    ),
    ...(unloaded.length === 0 ? [] : [`  ${unloadedWords(unloaded.length)}`]),
    ...differences.map(({ manifest, what }) => `  ${style.yellow('!')} ${manifest}  ${what}`),
    `  ${formatCounted(watermarks, 'watermarks')} and ${formatCounted(discrepancies, 'discrepancies')} with tickets put back`,
    ...tables.map((table) => describeTable(table, style)),
    '',
  ].join('\n');
}

function describeLedger(
  { batches, found, restored, unknown, replanned }: LedgerRebuilt,
  style: Style,
): string[] {
  return [
    `${style.green('✓')} ${formatCounted(found, 'tickets')} of ours at the desks, ${formatCount(restored)} put back into the ledger; ${formatCounted(batches, 'batches')} of the lake`,
    ...(replanned === 0
      ? []
      : [`  ${formatCounted(replanned, 'discrepancies')} to be told to their tickets anew`]),
    ...unknown.map(
      (ticket) => `  ${style.yellow('!')} ${ticket}  carries our marker, but nothing says for what`,
    ),
  ];
}

function unloadedWords(count: number): string {
  return `${formatCounted(count, 'batches')} landed and never merged: left out; the next run reads that window again.`;
}

function describeTable({ table, rows, digest }: TableChecksum, style: Style): string {
  return `  ${digest}  ${style.bold(table)}  ${formatCounted(rows, 'rows')}`;
}
