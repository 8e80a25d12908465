import type { Page } from '../connectors/port.js';
import type { Batch, Part } from '../control/batches.js';
import { textsOf } from '../lake/lines.js';
import { type BatchPlace, compressTexts, landPart } from '../lake/parts.js';
import { BatonError } from '../protocol/errors.js';
import type { ActivityDeps } from './ports.js';

/** Pages that arrive while a part is being written become the next part together, up to so many bytes. */
const partBytes = 8_388_608;
/** No more pages are asked for while so many bytes are on their way into the lake. */
const heldBytes = 4_194_304;

export interface Lander {
  /** Resolves when the page is in the lake and its checkpoint is stored. */
  land(range: number, page: Page): Promise<void>;
  /** Resolves when there is room for another page; rejects when none can be landed any more. */
  room(): Promise<void>;
  /** Calls that brought no page; counted with the next part. */
  addCalls(calls: number): void;
}

interface Waiting {
  readonly range: number;
  readonly page: Page;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lands pages one part at a time, numbered without gaps: a conflict on a number is how a worker that was frozen
 * learns that another one went on. Pages of ranges that are read side by side share parts; the next part is
 * compressed while the one before is written.
 */
export function createLander(
  deps: ActivityDeps,
  work: {
    readonly batch: Batch;
    readonly place: BatchPlace;
    readonly parts: readonly Part[];
    readonly onPart: (total: { readonly records: number; readonly pages: number }) => void;
  },
): Lander {
  const waiting: Waiting[] = [];
  let ordinal = work.parts.length;
  let records = work.parts.reduce((sum, part) => sum + part.records, 0);
  let pages = work.parts.reduce((sum, part) => sum + part.pages, 0);
  let calls = 0;
  let held = 0;
  const forRoom: (() => void)[] = [];
  let busy = false;
  let broken: { readonly error: unknown } | null = null;

  function release(group: readonly Waiting[]): void {
    held -= sizeOf(group);
    for (const goOn of forRoom.splice(0)) goOn();
  }

  function pack(): Packed | null {
    const group = nextGroup(waiting);
    if (group.length === 0) return null;
    const texts = textsOf(group.map(({ page }) => page.records));
    const body = texts.length === 0 ? null : compressTexts(texts);
    // It is awaited later than it may fail.
    body?.catch(() => {});
    return { group, texts, body };
  }

  async function drain(): Promise<void> {
    busy = true;
    for (let next = pack(); next !== null; ) {
      const ready: Packed = next;
      const { group } = ready;
      try {
        await ready.body;
        // What has come meanwhile is compressed while this is written.
        next = pack();
        ordinal += 1;
        const part = await write(deps, work, ordinal, ready, calls);
        calls = 0;
        records += part.records;
        pages += part.pages;
        work.onPart({ records, pages });
        release(group);
        for (const { resolve } of group) resolve();
        next ??= pack();
      } catch (error) {
        // The numbering is lost with it: whoever waits or comes later fails too, and the attempt ends.
        broken = { error };
        const behind = next === ready ? [] : (next?.group ?? []);
        for (const { reject } of [...group, ...behind, ...waiting.splice(0)]) reject(error);
        release([]);
        next = null;
      }
    }
    busy = false;
  }

  return {
    land: (range, page) =>
      new Promise((resolve, reject) => {
        if (broken !== null) {
          reject(broken.error);
          return;
        }
        held += page.bytes;
        waiting.push({ range, page, resolve, reject });
        if (!busy) void drain();
      }),
    async room() {
      while (held >= heldBytes && broken === null)
        await new Promise<void>((resolve) => forRoom.push(resolve));
      if (broken !== null) throw broken.error;
    },
    addCalls(more) {
      calls += more;
    },
  };
}

function sizeOf(group: readonly Waiting[]): number {
  return group.reduce((sum, { page }) => sum + page.bytes, 0);
}

/** A part in the making: its pages, their text, and that compressed; null where they hold no record. */
interface Packed {
  readonly group: readonly Waiting[];
  readonly texts: readonly Buffer[];
  readonly body: Promise<Buffer> | null;
}

/** The first page that waits, and those behind it as long as they fit. */
function nextGroup(waiting: Waiting[]): Waiting[] {
  const group = waiting.splice(0, 1);
  let bytes = group[0]?.page.bytes ?? 0;
  for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
    bytes += next.page.bytes;
    if (bytes > partBytes) break;
    group.push(next);
    waiting.shift();
  }
  return group;
}

async function write(
  deps: ActivityDeps,
  { batch, place }: { readonly batch: Batch; readonly place: BatchPlace },
  ordinal: number,
  { group, texts, body }: Packed,
  calls: number,
): Promise<Part> {
  const landed = body === null ? null : await landPart(deps.lake, place, ordinal, await body);
  const part: Part = {
    ordinal,
    key: landed?.key ?? null,
    sha256: landed?.sha256 ?? null,
    bytes: landed?.bytes ?? 0,
    records: group.reduce((sum, { page }) => sum + page.records.length, 0),
    pages: group.length,
    calls: group.reduce((sum, { page }) => sum + page.calls, calls),
    cursors: Object.fromEntries(group.map(({ range, page }) => [range, page.next])),
  };
  if (!(await deps.batches.addPart(batch, part))) {
    await withdraw(deps, batch, part);
    throw new BatonError('ERR_BATCH_TAKEN', {
      detail: `Another worker went on with batch ${batch.batch_id} at part ${ordinal} while this one was away.`,
      retryable: true,
    });
  }
  if (part.key === null) deps.handOver.ring(batch.batch_id);
  else deps.handOver.put(batch.batch_id, part.key, texts);
  return part;
}

/** Removes the object that nobody will ever name: its number is taken for good by another one, or the batch is closed. */
async function withdraw(deps: ActivityDeps, batch: Batch, part: Part): Promise<void> {
  if (part.key === null) return;
  const [taken] = await deps.batches.parts(batch, part.ordinal - 1);
  if (taken?.ordinal !== part.ordinal || taken.key !== part.key) await deps.lake.remove(part.key);
}
