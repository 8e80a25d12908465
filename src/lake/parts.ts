import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import type { Target } from '../domain/plan.js';
import { BatonError } from '../protocol/errors.js';
import { getVerified } from './keys.js';
import { splitLines } from './lines.js';
import type { Lake } from './port.js';

const expand = promisify(gunzip);

/** What locates a batch in the lake; `date` is the day of the window's end, YYYYMMDD. */
export interface Layout {
  readonly template: string;
  readonly connection: string;
  readonly stream: string;
  readonly tenant: string;
  readonly date: string;
  readonly batch: string;
}

/** Where a batch's objects are, and what tells them from those of other batches there. */
export interface BatchPlace {
  /** `raw/coupa/purchase_orders/20261123/3f9a01c2-1`, or `purchase_orders/20261123`. */
  readonly folder: string;
  /** Empty where the folder is the batch's own, else `3f9a01c2-1-`. */
  readonly label: string;
}

export function placeOfBatch(layout: Layout): BatchPlace {
  const values: Record<string, string> = { ...layout };
  return {
    folder: layout.template.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? name),
    label: layout.template.includes('{batch}') ? '' : `${layout.batch}-`,
  };
}

/** Whether an object has a name that Baton gives to its own. */
export function isOwnName(key: string): boolean {
  return /(?:^|\/)(?:part-(?:[0-9a-f]{12}-\d+-)?\d{5}-[0-9a-f]{8}\.ndjson\.gz|_[^/]*)$/.test(key);
}

/** Whether the object closes a batch. */
export function isManifest(key: string): boolean {
  return /(?:^|\/)_manifest(?:-[0-9a-f]{12}-\d+)?\.json$/.test(key);
}

/** Whether an object in the place's folder belongs to the batch. */
export function isOfBatch({ folder, label }: BatchPlace, key: string): boolean {
  const name = key.slice(folder.length + 1);
  return label === '' || name.startsWith(`part-${label}`) || name === manifestName(label);
}

function manifestName(label: string): string {
  return label === '' ? '_manifest.json' : `_manifest-${label.slice(0, -1)}.json`;
}

export interface LandedPart {
  readonly key: string;
  /** Of the compressed object, hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Lands a compressed text as one immutable object. Landing the same again is a no-op. */
export async function landPart(
  lake: Lake,
  { folder, label }: BatchPlace,
  ordinal: number,
  body: Buffer,
): Promise<LandedPart> {
  const sha256 = createHash('sha256').update(body).digest('hex');
  const key = `${folder}/part-${label}${String(ordinal).padStart(5, '0')}-${sha256.slice(0, 8)}.ndjson.gz`;
  await lake.putIfAbsent(key, body);
  return { key, sha256, bytes: body.length };
}

/** In pieces so large that few of them are made: each is a turn of the thread that asks. */
const pieceBytes = 262_144;

/** The texts of a part, one behind the other, as its object's bytes. The same texts give the same bytes. */
export async function compressTexts(texts: readonly Buffer[]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const gzip = createGzip({ level: 1, chunkSize: pieceBytes });
  await pipeline(Readable.from(texts, { objectMode: true }), gzip, async (made: AsyncIterable<Buffer>) => {
    for await (const piece of made) pieces.push(piece);
  });
  return Buffer.concat(pieces);
}

/** The records of a part, their bytes checked against the sha256 recorded when they were landed. */
export async function readPart(lake: Lake, part: { key: string; sha256: string }): Promise<Buffer[]> {
  return splitLines(await readLines(lake, part));
}

/** The same as one text. */
export async function readLines(lake: Lake, part: { key: string; sha256: string }): Promise<Buffer> {
  return expand(await getVerified(lake, part.key, part.sha256));
}

/**
 * What a batch is, beside its parts: enough to load it again when nothing else is left. Those of earlier builds
 * lack what is marked optional.
 */
export interface Manifest {
  readonly batch: string;
  readonly generation: number;
  readonly connection: string;
  readonly stream: string;
  readonly tenant: string;
  readonly window: { readonly from: string | null; readonly to: string };
  readonly records: number;
  readonly parts: readonly {
    readonly key: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly records: number;
  }[];
  readonly run?: string;
  readonly step?: string;
  /** What its records were read and are mapped with. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly target?: Target;
  /** What its watermark is kept under, where that is not the stream's name. */
  readonly watermark?: string;
  readonly openedAt?: string;
  /** Objects that are gone and whose records this batch holds: not missed when all is loaded again. */
  readonly replaces?: readonly string[];
}

/** Closes a batch. The first manifest wins: when another is there, that one is read and adopted. */
export async function writeManifest(
  lake: Lake,
  { folder, label }: BatchPlace,
  manifest: Manifest,
): Promise<{ readonly key: string; readonly sha256: string; readonly manifest: Manifest }> {
  const key = `${folder}/${manifestName(label)}`;
  const body = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  const { created } = await lake.putIfAbsent(key, body);
  const stored = created ? body : await lake.get(key);
  if (stored === null)
    throw new BatonError('ERR_LAKE_OBJECT_CHANGED', {
      detail: `${lake.locate(key)} vanished while it was read.`,
    });
  return {
    key,
    sha256: createHash('sha256').update(stored).digest('hex'),
    manifest: JSON.parse(stored.toString('utf8')) as Manifest,
  };
}

export async function readManifest(lake: Lake, key: string, sha256: string): Promise<Manifest> {
  const body = await getVerified(lake, key, sha256);
  return JSON.parse(body.toString('utf8')) as Manifest;
}

/** `…/part-00012-3f9a01c2.ndjson.gz` is part 12: parts without a record have no object. */
export function ordinalOf(key: string): number {
  return Number(/(\d{5})-[0-9a-f]{8}\.ndjson\.gz$/.exec(key)?.[1] ?? 0);
}

/** The digest of an object as it stands; ERR_LAKE_OBJECT_CHANGED when it is gone. */
export async function sha256Of(lake: Lake, key: string): Promise<string> {
  const body = await lake.get(key);
  if (body === null)
    throw new BatonError('ERR_LAKE_OBJECT_CHANGED', { detail: `${lake.locate(key)} is gone.` });
  return createHash('sha256').update(body).digest('hex');
}
