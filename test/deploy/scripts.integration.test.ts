import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { searchAttributes } from '../../src/protocol/names.js';
import { projectRoot } from '../setup/shared.js';

const run = promisify(execFile);

describe('the scripts of the deployment', () => {
  const namespace = `deploy-${randomUUID().slice(0, 8)}`;
  const bin = mkdtempSync(path.join(os.tmpdir(), 'baton-bin-'));
  symlinkSync(inject('temporalPath'), path.join(bin, 'temporal'));
  const env = {
    PATH: `${bin}:${process.env['PATH']}`,
    HOME: os.tmpdir(),
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: namespace,
  };

  afterAll(() => rmSync(bin, { recursive: true }));

  it('create the namespace with our search attributes, and the schedules; twice is once', async () => {
    const script = path.join(projectRoot, 'deploy/temporal/create-namespace.sh');
    for (const _ of [1, 2])
      expect((await run('sh', [script], { env })).stdout).toContain(`namespace ${namespace} is ready`);
    const connection = await Connection.connect({ address: env.TEMPORAL_ADDRESS });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    await connection.close();
    expect(Object.keys(customAttributes ?? {})).toEqual(
      expect.arrayContaining(Object.values(searchAttributes)),
    );
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 86_400);

    const launcher = path.join(projectRoot, 'bin/baton.mjs');
    const words: string[] = [];
    for (const _ of [1, 2]) {
      const args = [launcher, 'schedules', 'apply', '--json'];
      const { stdout } = await run(process.execPath, args, { env, cwd: projectRoot });
      words.push((JSON.parse(stdout) as { data: { done: string }[] }).data[0]?.done ?? 'nothing');
    }
    expect(words).toEqual(['created', 'updated']);
  }, 90_000);

  it('make secrets once, random, in a folder that others may not enter', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'baton-secrets-'));
    for (const file of ['make-secrets.sh', 'baton.env.example'])
      cpSync(path.join(projectRoot, 'deploy', file), path.join(folder, file));
    await run('sh', [path.join(folder, 'make-secrets.sh')]);
    const secret = (name: string) => readFileSync(path.join(folder, 'secrets', name), 'utf8');
    const first = secret('gateway_token');
    expect(first).toMatch(/^[0-9a-f]{48}$/);
    expect(secret('baton_db_password')).not.toBe(first);
    expect(JSON.parse(secret('s3_identities.json'))).toMatchObject({ identities: [{ name: 'baton' }] });
    expect(statSync(path.join(folder, 'secrets')).mode & 0o077).toBe(0);
    const again = await run('sh', [path.join(folder, 'make-secrets.sh')]);
    expect(again.stdout).toBe('');
    expect(secret('gateway_token')).toBe(first);
    rmSync(folder, { recursive: true });
  });
});
