import { Context } from '@temporalio/activity';
import type { DayRates } from '../connectors/files/order-value.js';
import {
  enrichmentColumns,
  malformed,
  type OrderParameters,
  toParameters,
} from '../connectors/files/orders.js';
import type { FilesSettings } from '../connectors/files/settings.js';
import { queueOf } from '../control/arrivals.js';
import { type Batch, hasObject } from '../control/batches.js';
import type { FileRow } from '../control/files.js';
import { manifestOf, placeOf } from '../control/landed.js';
import type { Column, Row } from '../domain/columns.js';
import { fileStep, filesStream } from '../domain/file-step.js';
import type { ExtractStep } from '../domain/plan.js';
import { type Addition, openEnrichedCopy } from '../files/enriched.js';
import { formatOf } from '../files/format.js';
import { readRecords } from '../files/records.js';
import { segment } from '../lake/keys.js';
import { writeManifest } from '../lake/parts.js';
import { rawTable } from '../pipelines/resilient-elt-pipeline.js';
import type { LandFileResult, ProcessFileInput } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { handBackIfStopping } from './failure.js';
import { createLander } from './lander.js';
import type { ActivityDeps, FilePlace } from './ports.js';

/** Records that are landed together, at most, and their bytes. */
const pageRecords = 5_000;
const pageBytes = 1_048_576;

/**
 * Reads one version of a file once, record by record: its records go into the lake as one batch for the loader of
 * their table, and, enriched, into a copy of the file. A repeat lands what an earlier attempt has not. Nothing of a
 * file is loaded that cannot be read to its end.
 */
export async function landFile(
  deps: ActivityDeps,
  { id, connection }: ProcessFileInput,
  signal: AbortSignal,
): Promise<LandFileResult> {
  const file = await deps.files.find(id);
  if (file === null) return { state: 'gone', story: 'There is no such file any more.' };
  if (file.state !== 'waiting') return { state: file.state, story: storyOf(file) };
  const place = await deps.filePlaces(connection);
  const step = fileStep(connection, rawTable(connection, filesStream));
  const batch = await openBatch(deps, file, step, place.settings, signal);
  await deps.files.begun(id, batch);
  try {
    const landed = batch.state === 'landed' ? batch : await land(deps, { file, place, step, batch, signal });
    if (landed === null) {
      const reason = 'It was replaced or removed before it was read.';
      await deps.files.ended(id, 'gone', reason);
      return { state: 'gone', story: reason };
    }
    await deps.files.landed(id, Number(landed.records));
    await deps.orchestrator
      .wakeLoader(queueOf(landed))
      .catch((error: Error) => deps.log.warn({ detail: error.message }, 'the loader could not be woken'));
    return { state: 'landed', story: `${landed.records} records of ${file.key} landed.` };
  } catch (error) {
    if (!(error instanceof BatonError) || error.error !== 'ERR_FILE_UNREADABLE') throw error;
    const reason = `${error.message} (${error.code})`;
    await deps.files.ended(id, 'dead', reason);
    deps.log.warn({ file: id, key: file.key, detail: reason }, 'a file cannot be read');
    return { state: 'dead', story: reason };
  }
}

function storyOf({ key, state, reason }: FileRow): string {
  return `${key} is ${state}${reason === null ? '' : `: ${reason}`}.`;
}

/** What the file's records are enriched with is fixed here, once. */
async function openBatch(
  deps: ActivityDeps,
  file: FileRow,
  step: ExtractStep,
  settings: FilesSettings,
  signal: AbortSignal,
): Promise<Batch> {
  const runId = `file/${file.connection}/${file.id}${file.attempt === 1 ? '' : `#${file.attempt}`}`;
  const known = await deps.batches.find(runId, step.id);
  if (known !== null) return known;
  const processedAt = new Date().toISOString();
  const { tax, currency, highAbove } = settings;
  const parameters: OrderParameters = {
    processedAt,
    tax,
    currency,
    highAbove,
    rates: settings.rates === undefined ? null : await latestRates(deps, settings.rates, signal),
  };
  return deps.batches.open({
    runId,
    stepId: step.id,
    connection: file.connection,
    stream: step.stream,
    tenant: file.tenant,
    target: step.target.table,
    windowFrom: null,
    windowTo: processedAt,
    watermarkRead: null,
    ownsWindow: true,
    parameters: { ...toParameters(parameters), file: file.key, version: file.version },
  });
}

/** Rates are published once a day. */
const ratesKeptMs = 900_000;
const kept = new Map<string, { readonly until: number; readonly rates: DayRates }>();

async function latestRates(deps: ActivityDeps, name: string, signal: AbortSignal): Promise<DayRates> {
  const known = kept.get(name);
  if (known !== undefined && Date.now() < known.until) return known.rates;
  const stream = deps.connections.stream(name, 'rates');
  const window = { from: null, to: new Date().toISOString() };
  const { records } = await stream.readPage(deps.connections.open(name), window, null, { signal });
  const rows = records.flatMap((record) => {
    const mapped = stream.map(record);
    return mapped.kind === 'row' ? [mapped.row] : [];
  });
  const newest = rows.reduce<Row | null>(
    (best, row) => (best === null || (row['rate_date'] ?? '') > (best['rate_date'] ?? '') ? row : best),
    null,
  );
  if (newest === null)
    throw new BatonError('ERR_SOURCE_UNAVAILABLE', { detail: `${name} has no rates of the last days.` });
  const rates: DayRates = {
    base: newest['base'] ?? '',
    date: newest['rate_date'] ?? '',
    rates: JSON.parse(newest['rates'] ?? '{}'),
  };
  kept.set(name, { until: Date.now() + ratesKeptMs, rates });
  return rates;
}

interface Work {
  readonly file: FileRow;
  readonly place: FilePlace;
  readonly step: ExtractStep;
  readonly batch: Batch;
  readonly signal: AbortSignal;
}

/** Null when the file is not there any more in this version. */
async function land(deps: ActivityDeps, work: Work): Promise<Batch | null> {
  const { file, place, step, batch } = work;
  const { settings } = place;
  const bytes = await place.lake.read({ key: file.key, version: file.version });
  if (bytes === null) return null;
  const format = formatOf(file.key, settings.format);
  const where = place.lake.locate(file.key);
  const content = readRecords({ format, where, bytes, delimiter: settings.delimiter, malformed });
  const copy = await openEnrichedCopy(file.key, format, settings.delimiter);
  try {
    await landRecords(deps, work, content, copy);
    const name = file.key.split('/').map(segment).join('/');
    await deps.files.enriched(file.id, await copy.keep(deps.lake, name, file.id));
  } finally {
    await copy.discard();
  }
  const parts = (await deps.batches.parts(batch)).filter(hasObject);
  const manifest = manifestOf(batch, step, parts);
  const written =
    parts.length === 0
      ? null
      : await writeManifest(deps.lake, placeOf(deps.lakeLayout, step, batch), manifest);
  return deps.batches.land(batch, written, true);
}

async function landRecords(
  deps: ActivityDeps,
  { file, step, batch, signal }: Work,
  content: ReturnType<typeof readRecords>,
  copy: Awaited<ReturnType<typeof openEnrichedCopy>>,
): Promise<void> {
  const stream = deps.connections.stream(file.connection, step.stream);
  const parts = await deps.batches.parts(batch);
  const lander = createLander(deps, {
    batch,
    place: placeOf(deps.lakeLayout, step, batch),
    parts,
    onPart: ({ records }) => Context.current().heartbeat(records),
  });
  const before = parts.reduce((sum, part) => sum + part.records, 0);
  let count = 0;
  let bytes = 0;
  let page: Buffer[] = [];
  let landing = Promise.resolve();
  const flush = async () => {
    await lander.room();
    signal.throwIfAborted();
    handBackIfStopping(deps.stopping);
    landing = lander.land(0, { records: page, next: { record: count }, calls: 0, bytes });
    landing.catch(() => {});
    page = [];
    bytes = 0;
  };
  for await (const record of content.records) {
    count += 1;
    const mapped = stream.map(record.raw, batch.parameters);
    if (mapped.kind === 'row') await copy.add(record, content.header, additionsOf(mapped.row));
    if (count <= before) continue;
    page.push(record.raw);
    bytes += record.raw.length;
    if (page.length >= pageRecords || bytes >= pageBytes) await flush();
  }
  if (page.length > 0) await flush();
  await landing;
}

function additionsOf(row: Row): Addition[] {
  return enrichmentColumns.map(({ name, type }) => {
    const text = row[name] ?? '';
    return { name, text, json: isNumber(type) ? text : JSON.stringify(text) };
  });
}

function isNumber(type: Column['type']): boolean {
  return type === 'numeric' || type === 'integer';
}
