import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDoctor } from '../../src/cli/stack/doctor.js';
import { verifyRun } from '../../src/quality/verify-run.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { findS3Server, type S3Server, startS3Server } from '../setup/s3-server.js';
import { projectRoot } from '../setup/shared.js';

const found = findS3Server();

describe.skipIf(found === null)('po_data_pipeline with its lake on S3', () => {
  let server: S3Server;
  let baton: TestBaton;
  let first: Awaited<ReturnType<TestBaton['run']>>;

  beforeAll(async () => {
    server = await startS3Server(found ?? '');
    baton = await startBaton({
      time: 'real',
      records: 600,
      settings: {
        BATON_LAKE__TYPE: 's3',
        BATON_LAKE__BUCKET: server.bucket,
        BATON_LAKE__PREFIX: 'baton',
        BATON_LAKE__ENDPOINT: server.endpoint,
        BATON_LAKE__FORCE_PATH_STYLE: 'true',
        BATON_LAKE__AUTH__ACCESS_KEY_ID: server.keys.accessKeyId,
        BATON_LAKE__AUTH__SECRET_ACCESS_KEY: 'secret://env/LAKE_SECRET_KEY',
        LAKE_SECRET_KEY: server.keys.secretAccessKey,
      },
    });
    first = await baton.run();
  }, 120_000);
  afterAll(async () => {
    await baton?.stop();
    await server?.stop();
  });

  const verify = async (id: string) => {
    const plan = await baton.deps.runs.planOf(id);
    if (plan === null) throw new Error('the plan is gone');
    const stream = (connection: string, name: string) => baton.deps.connections.stream(connection, name);
    return verifyRun({ ...baton.deps, stream }, id, plan);
  };
  const keys = async () => {
    const all: string[] = [];
    for await (const key of baton.deps.lake.list('')) all.push(key);
    return all;
  };

  it('loads everything, and each number is found again in the bucket', async () => {
    expect(first).toMatchObject({ state: 'succeeded', error: null });
    expect(first.receipt.loaded).toBeGreaterThan(500);
    expect((await keys()).filter((key) => key.startsWith('raw/coupa/purchase_orders/'))).not.toEqual([]);
    expect(await verify(first.id)).toMatchObject({ ok: true, differences: [] });
    const again = await baton.run({ fullRefresh: true });
    expect(again.receipt).toMatchObject({ read: first.receipt.read, unchanged: first.receipt.loaded });
  });

  it('names the object in which one bit has turned', async () => {
    const batch = await baton.deps.batches.find(first.id, 'extract_orders');
    const key = batch === null ? '' : ((await baton.deps.batches.parts(batch))[0]?.key ?? '');
    const file = path.join(server.root, server.bucket, 'baton', key);
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    writeFileSync(file, bytes);
    const { ok, differences } = await verify(first.id);
    expect(ok).toBe(false);
    expect(differences.map(({ kind, where }) => [kind, where])).toContainEqual(['object', key]);
  });

  it('is looked at by the doctor', async () => {
    const checks = await runDoctor({ env: baton.env, cwd: projectRoot });
    const lake = checks.find(({ name }) => name === 'lake');
    expect(lake).toEqual({
      name: 'lake',
      state: 'ok',
      detail: `s3://${server.bucket}/baton/; writable, keeps the first of two writers`,
    });
  });
});
