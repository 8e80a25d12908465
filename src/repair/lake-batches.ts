import { type LoadNote, readLoadNote } from '../lake/load-note.js';
import { isManifest, type Manifest } from '../lake/parts.js';
import type { Lake } from '../lake/port.js';
import { BatonError } from '../protocol/errors.js';

/** A batch as the lake alone tells of it. Without its parts: of many batches only this much is kept in memory. */
export interface LakeBatch {
  readonly manifestKey: string;
  readonly connection: string;
  /** What its watermark is kept under. */
  readonly stream: string;
  readonly tenant: string;
  /** Null in the lakes of earlier builds: nothing says whether it was merged. */
  readonly isNoted: boolean;
  readonly note: LoadNote | null;
  readonly windowTo: string;
  /** What others are enriched with comes first, where nothing else gives the order. */
  readonly isEnriched: boolean;
  readonly replaces: readonly string[];
}

/** Manifests read at once. */
const readsInFlight = 8;

/** Every closed batch of the lake, in the order in which they were merged; those never merged come last. */
export async function lakeBatches(lake: Lake): Promise<LakeBatch[]> {
  const keys: string[] = [];
  for await (const key of lake.list('')) if (isManifest(key)) keys.push(key);
  const found: LakeBatch[] = [];
  const read = async () => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) found.push(await lakeBatch(lake, key));
  };
  await Promise.all(Array.from({ length: readsInFlight }, read));
  return found.sort(byOrder);
}

async function lakeBatch(lake: Lake, manifestKey: string): Promise<LakeBatch> {
  const manifest = await manifestAt(lake, manifestKey);
  const { connection, tenant, window, run, target, replaces = [] } = manifest;
  return {
    manifestKey,
    connection,
    stream: manifest.watermark ?? manifest.stream,
    tenant,
    isNoted: run !== undefined,
    note: await readLoadNote(lake, manifestKey),
    windowTo: window.to,
    isEnriched: target?.orders !== undefined || target === undefined,
    replaces,
  };
}

/** The manifest as it stands: nothing but the lake itself can say what it was. */
export async function manifestAt(lake: Lake, key: string): Promise<Manifest> {
  const body = await lake.get(key);
  if (body === null)
    throw new BatonError('ERR_LAKE_OBJECT_CHANGED', { detail: `${lake.locate(key)} is gone.` });
  try {
    return JSON.parse(body.toString('utf8')) as Manifest;
  } catch (cause) {
    throw new BatonError('ERR_LAKE_OBJECT_CHANGED', { detail: `${lake.locate(key)} is no manifest.`, cause });
  }
}

/** Whether the warehouse held it, as far as the lake knows. */
export function wasLoaded(batch: LakeBatch): boolean {
  return batch.note !== null || !batch.isNoted;
}

function byOrder(a: LakeBatch, b: LakeBatch): number {
  return (
    compare(a.note?.loadedAt ?? a.windowTo, b.note?.loadedAt ?? b.windowTo) ||
    Number(a.isEnriched) - Number(b.isEnriched) ||
    compare(a.manifestKey, b.manifestKey)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
