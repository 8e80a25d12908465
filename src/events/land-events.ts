import pLimit from 'p-limit';
import type { Orchestrator } from '../activities/ports.js';
import { type EventRecord, eventLine } from '../connectors/event-stream.js';
import { queueOf } from '../control/arrivals.js';
import { type Batch, type BatchStore, hasObject, type LandedObject } from '../control/batches.js';
import type { InboxRow } from '../control/inbox.js';
import { manifestOf, placeOf } from '../control/landed.js';
import type { Landing, LandingStore } from '../control/landings.js';
import { eventStep } from '../domain/event-step.js';
import { joinLines } from '../lake/lines.js';
import { type BatchPlace, compressTexts, landPart, writeManifest } from '../lake/parts.js';
import type { Lake } from '../lake/port.js';
import type { Logger } from '../observability/logger.js';
import { rawTable } from '../pipelines/resilient-elt-pipeline.js';
import { BatonError } from '../protocol/errors.js';
import { objectKeys } from './object-keys.js';

export interface LandingDeps {
  readonly landings: LandingStore;
  readonly batches: BatchStore;
  readonly lake: Lake;
  readonly lakeLayout: string;
  readonly orchestrator: Pick<Orchestrator, 'wakeLoader'>;
  /** Key template of an event's own object, by the name of the rule that it falls under; null = it has none. */
  readonly objectsOf: (rule: string | null) => string | null;
  readonly log: Logger;
}

/** Objects written at once. */
const writesInFlight = 16;

/** Lands what is due by number or age, and what another began and has not ended. */
export async function landDue(
  deps: LandingDeps,
  batch: { readonly size: number; readonly ageMs: number },
): Promise<void> {
  for (const landing of await deps.landings.takeOver()) await landEvents(deps, landing);
  for (;;) {
    const begun = await deps.landings.begin(batch);
    if (begun.length === 0) return;
    for (const landing of begun) await landEvents(deps, landing);
  }
}

/**
 * Lands events that were put together as one batch, and hands it to the loader of their table: from there on it is
 * like any other batch, with manifest, note and accounting. Repeating it, also while another still does it, comes to
 * the same objects and the same rows.
 */
async function landEvents(deps: LandingDeps, landing: Landing): Promise<void> {
  const rows = await deps.landings.rows(landing);
  const last = rows.at(-1);
  if (last === undefined) return;
  const { connection, tenant } = landing;
  const step = eventStep(connection, rawTable(connection, 'events'));
  const batch = await deps.batches.open({
    runId: `events/${connection}/${landing.id}`,
    stepId: step.id,
    connection,
    stream: step.stream,
    tenant,
    target: step.target.table,
    windowFrom: null,
    windowTo: last.accepted_at.toISOString(),
    watermarkRead: null,
    ownsWindow: true,
    parameters: {},
  });
  const place = placeOf(deps.lakeLayout, step, batch);
  await writeObjects(deps, rows);
  const part = await landOnce(deps, batch, place, rows);
  const manifest = await writeManifest(deps.lake, place, manifestOf(batch, step, [part]));
  const landed = await deps.batches.land(batch, manifest, true);
  await deps.landings.landed(landing, part.key, `${batch.batch_id}.${batch.generation}`);
  await deps.orchestrator
    .wakeLoader(queueOf(landed))
    .catch((error: Error) => deps.log.warn({ detail: error.message }, 'the loader could not be woken'));
}

/** The batch's one part; where another has landed it meanwhile, that one. */
async function landOnce(
  deps: LandingDeps,
  batch: Batch,
  place: BatchPlace,
  rows: readonly InboxRow[],
): Promise<LandedObject> {
  const [known] = (await deps.batches.parts(batch)).filter(hasObject);
  if (known !== undefined) return known;
  const body = await compressTexts([joinLines(rows.map(lineOf))]);
  const { key, sha256, bytes } = await landPart(deps.lake, place, 1, body);
  const part = { ordinal: 1, key, sha256, bytes, records: rows.length, pages: 1, calls: 0, cursors: {} };
  if (await deps.batches.addPart(batch, part)) return part;
  const [theirs] = (await deps.batches.parts(batch)).filter(hasObject);
  if (theirs === undefined)
    throw new BatonError('ERR_BATCH_TAKEN', { detail: `Batch ${batch.batch_id} was closed without a part.` });
  if (theirs.key !== key) await deps.lake.remove(key);
  return theirs;
}

function lineOf(row: InboxRow): Buffer {
  const record: EventRecord = {
    event_id: row.event_id,
    delivery_id: row.delivery_id,
    type: row.type,
    subject: row.subject,
    occurred_at: row.occurred_at?.toISOString() ?? null,
    accepted_at: row.accepted_at.toISOString(),
  };
  return eventLine(record, row.body, !row.content_type.endsWith('xml'));
}

/** Each event's bytes under a key that a person finds, where its rule wants that. */
async function writeObjects(deps: LandingDeps, rows: readonly InboxRow[]): Promise<void> {
  const limit = pLimit(writesInFlight);
  const bySubject = new Map<string, InboxRow[]>();
  for (const row of rows) {
    const template = deps.objectsOf(row.rule);
    if (template === null) continue;
    const { first } = objectKeys(template, row);
    bySubject.set(first, [...(bySubject.get(first) ?? []), row]);
  }
  // Those about one subject one after the other: the earliest gets the plain name.
  await Promise.all(
    [...bySubject.values()].map((events) =>
      limit(async () => {
        for (const event of events) await writeObject(deps, event);
      }),
    ),
  );
}

async function writeObject(deps: LandingDeps, row: InboxRow): Promise<void> {
  const template = deps.objectsOf(row.rule);
  if (template === null) return;
  const { first, later } = objectKeys(template, row);
  const { created } = await deps.lake.putIfAbsent(first, row.body);
  if (created || (await deps.lake.get(first))?.equals(row.body) === true) return;
  await deps.lake.putIfAbsent(later, row.body);
}
