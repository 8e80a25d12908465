import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Lake } from '../lake/port.js';
import { type FileFormat, isCompressed } from './format.js';
import type { FileRecord } from './records.js';

/** What a record gets besides what it came with; `json` is the value as JSON text. */
export interface Addition {
  readonly name: string;
  readonly text: string;
  readonly json: string;
}

/** The enriched copy of a file while it is written: on this machine, so that it may be larger than memory. */
export interface EnrichedCopy {
  add(record: FileRecord, header: readonly string[] | null, additions: readonly Addition[]): Promise<void>;
  /** Puts it into the lake, under its plain name or, where another version has that, under one with `id` in it; answers the key. */
  keep(lake: Lake, name: string, id: string): Promise<string>;
  /** Removes it from this machine. */
  discard(): Promise<void>;
}

const folder = 'enriched';
const roomName = 'baton-file-';
/** A room of this age was left by a process that was killed. */
const abandonedMs = 86_400_000;
/** Once per process. */
let swept: Promise<void> | null = null;

async function sweepRooms(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(roomName)) continue;
    const room = path.join(tmpdir(), name);
    const found = await stat(room).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > abandonedMs)
      await rm(room, { recursive: true, force: true });
  }
}

/** Written in the format of the file, compressed when that was. */
export async function openEnrichedCopy(
  name: string,
  format: FileFormat,
  delimiter: string,
): Promise<EnrichedCopy> {
  swept ??= sweepRooms().catch(() => {});
  await swept;
  const room = await mkdtemp(path.join(tmpdir(), roomName));
  const file = path.join(room, 'enriched');
  const out = createWriteStream(file);
  const sink = isCompressed(name) ? createGzip({ level: 1 }) : out;
  if (sink !== out) sink.pipe(out);
  // What goes wrong is told by whoever waits for the end.
  out.on('error', () => {});
  let records = 0;

  async function write(text: Buffer | string): Promise<void> {
    if (!sink.write(text)) await once(sink, 'drain', { signal: AbortSignal.timeout(60_000) });
  }

  return {
    async add(record, header, additions) {
      records += 1;
      if (format === 'csv') {
        if (records === 1)
          await write(row([...(header ?? []), ...additions.map((of) => of.name)], delimiter));
        await write(row([...(record.cells ?? []), ...additions.map((of) => of.text)], delimiter));
        return;
      }
      const text = withAdditions(record.raw, additions);
      if (format === 'json') await write(records === 1 ? '[\n' : ',\n');
      await write(text);
      if (format === 'ndjson') await write('\n');
    },
    async keep(lake, name, id) {
      if (format === 'json') await write(records === 0 ? '[]\n' : '\n]\n');
      sink.end();
      await finished(out);
      const plain = `${folder}/${name}`;
      // What is the same was put there by an earlier attempt.
      if (await lake.putFile(plain, file)) return plain;
      const own = `${folder}/${name.replace(/(?=(?:\.[a-z]+){0,2}$)/i, `.${id}`)}`;
      await lake.putFile(own, file);
      return own;
    },
    async discard() {
      sink.destroy();
      out.destroy();
      await rm(room, { recursive: true, force: true });
    },
  };
}

/** Before the last bracket: the record's own bytes stay as they are. */
function withAdditions(raw: Buffer, additions: readonly Addition[]): Buffer {
  const added = additions.map(({ name, json }) => `${JSON.stringify(name)}:${json}`).join(',');
  const text = raw.toString('utf8').trimEnd();
  if (additions.some(({ name }) => text.includes(JSON.stringify(name)))) return replaced(text, additions);
  return Buffer.from(`${text.slice(0, -1)},${added}}`);
}

/** It came with such a member of its own: ours takes its place. */
function replaced(text: string, additions: readonly Addition[]): Buffer {
  const fields = JSON.parse(text) as Record<string, unknown>;
  for (const { name, json } of additions) fields[name] = JSON.parse(json);
  return Buffer.from(JSON.stringify(fields));
}

function row(cells: readonly string[], delimiter: string): string {
  const needsQuotes = (cell: string) =>
    cell.includes(delimiter) || /["\r\n]/.test(cell) || cell !== cell.trim();
  return `${cells.map((cell) => (needsQuotes(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(delimiter)}\n`;
}
