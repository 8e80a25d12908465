import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, inject, it } from 'vitest';
import type { Stream } from '../../src/connectors/port.js';
import { connectors } from '../../src/connectors/registry.js';
import { defaultContract } from '../../src/domain/shape.js';
import { joinLines } from '../../src/lake/lines.js';
import { createLogger } from '../../src/observability/logger.js';
import { supplierRecord } from '../../src/sandbox/seed/suppliers.js';
import { type EncodeJob, type Encoder, encodeLines } from '../../src/warehouse/encode.js';
import { createEncoder } from '../../src/workers/encoder.js';

const log = createLogger('test', 'silent');
const suppliers = connectors['coupa']?.streams['suppliers'] as Stream;
const program = path.join(inject('distPath'), 'workers', 'encode-thread.js');
const folder = mkdtempSync(path.join(os.tmpdir(), 'encoder-'));
const opened: Encoder[] = [];

function open(path: string): Encoder {
  const encoder = createEncoder({ connectors, log, program: path });
  opened.push(encoder);
  return encoder;
}

afterEach(async () => {
  for (const encoder of opened.splice(0)) await encoder.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Good ones, one with all that COPY escapes, one that is no supplier, one that is not JSON. */
function job(records = 200): EncodeJob {
  const lines = Array.from({ length: records - 3 }, (_, index) => JSON.stringify(supplierRecord(1, index)));
  lines.splice(7, 0, JSON.stringify({ ...supplierRecord(1, 900), name: 'tab\t "quote" \\ Łódź \u{1F600}' }));
  lines.splice(70, 0, '{"id": null}', '{"id": 1');
  return {
    connector: 'coupa',
    stream: 'suppliers',
    table: {
      table: 'raw.suppliers',
      staging: 'suppliers_temp',
      columns: suppliers.columns,
      versionColumn: suppliers.versionColumn,
    },
    parameters: {},
    shape: { contract: defaultContract, fields: null },
    part: 4,
    first: 1_001,
    count: records,
    lines: joinLines(lines.map((line) => Buffer.from(line))),
  };
}

describe('the encoding thread', () => {
  it('gives the rows and the shape that this thread would, block by block', async () => {
    const encoder = open(program);
    const blocks = Array.from({ length: 8 }, (_, index) => ({ ...job(100 + index), part: index }));
    const encoded = await Promise.all(blocks.map((block) => encoder.encode(suppliers, block)));
    for (const [index, block] of blocks.entries()) {
      const here = encodeLines(suppliers, block);
      expect(Buffer.from(encoded[index]?.text ?? []).equals(Buffer.from(here.text))).toBe(true);
      expect(encoded[index]?.seen).toEqual(here.seen);
      expect(String(Buffer.from(here.text)).trimEnd().split('\n')).toHaveLength(block.count);
    }
  });

  it('leaves the lines with the one who asks', async () => {
    const asked = job();
    const before = Buffer.from(asked.lines);
    await open(program).encode(suppliers, asked);
    expect(Buffer.from(asked.lines).equals(before)).toBe(true);
  });

  it('that ends under a block fails it, to be tried again, and another begins with the next', async () => {
    const flag = path.join(folder, 'ended-once');
    const fragile = path.join(folder, 'fragile.mjs');
    writeFileSync(
      fragile,
      `import { existsSync, writeFileSync } from 'node:fs';
       import { parentPort } from 'node:worker_threads';
       const isSecond = existsSync(${JSON.stringify(flag)});
       if (isSecond) await import(${JSON.stringify(program)});
       else parentPort.on('message', () => { writeFileSync(${JSON.stringify(flag)}, ''); process.exit(3); });`,
    );
    const encoder = open(fragile);
    const lost = await Promise.allSettled([
      encoder.encode(suppliers, job()),
      encoder.encode(suppliers, job()),
    ]);
    for (const outcome of lost)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { error: 'ERR_INTERNAL', retryable: true },
      });
    const { text } = await encoder.encode(suppliers, job());
    expect(Buffer.from(text).equals(Buffer.from(encodeLines(suppliers, job()).text))).toBe(true);
  });

  it('knows nothing of a stream that a connection declares itself: that is mapped here', async () => {
    const declared = { ...job(), connector: 'rest', stream: 'assets' };
    const { text } = await open(path.join(folder, 'there-is-none.mjs')).encode(suppliers, declared);
    expect(Buffer.from(text).equals(Buffer.from(encodeLines(suppliers, job()).text))).toBe(true);
  });
});
