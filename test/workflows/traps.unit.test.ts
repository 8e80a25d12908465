import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { build } from '../../scripts/build.mjs';
import { createActivities } from '../../src/activities/index.js';
import type { ActivityDeps } from '../../src/activities/ports.js';
import { temporalServer } from '../../src/cli/stack/temporal-server.js';
import { runId, searchAttributes, taskQueues } from '../../src/protocol/names.js';
import { runAttributes } from '../../src/protocol/search-attributes.js';
import { projectRoot } from '../setup/shared.js';

const scope = path.join(projectRoot, 'node_modules', '@temporalio');
/** Those that are installed, whoever asks for them. */
const packages = readdirSync(scope).filter((name) => existsSync(path.join(scope, name, 'package.json')));

describe('what goes wrong without a word', () => {
  it('one copy of protobufjs: another one makes histories and payloads unreadable', () => {
    const copies = packages
      .map((name) => path.join(scope, name))
      .map((folder) => {
        const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
          dependencies?: Record<string, string>;
        };
        const uses = 'protobufjs' in (manifest.dependencies ?? {}) || folder.endsWith('proto');
        return uses
          ? realpathSync(createRequire(path.join(folder, 'package.json')).resolve('protobufjs'))
          : null;
      })
      .filter((file) => file !== null);
    expect(copies.length).toBeGreaterThan(0);
    const ours = realpathSync(createRequire(path.join(projectRoot, 'package.json')).resolve('protobufjs'));
    expect(new Set(copies)).toEqual(new Set([ours]));
  });

  it('one version of every @temporalio package', () => {
    const versions = packages.map((name) => {
      const file = path.join(scope, name, 'package.json');
      return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    });
    expect(new Set(versions).size).toBe(1);
  });

  it('every queue that a workflow names has a worker, and every activity a queue', async () => {
    const queues = readFileSync(path.join(projectRoot, 'src/workers/queues.ts'), 'utf8');
    for (const name of Object.keys(taskQueues)) expect(queues).toContain(`taskQueues.${name}`);
    const activities = createActivities({} as ActivityDeps);
    const names = Object.values(activities).flatMap((group) => Object.keys(group));
    expect(new Set(names).size).toBe(names.length);
    expect(Object.keys(activities).sort()).toEqual(
      Object.keys(taskQueues)
        .filter((name) => name !== 'workflow' && !name.endsWith('Bulk'))
        .sort(),
    );
  });

  it('every search attribute is registered where the server starts, and is set by the client', async () => {
    const spec = temporalServer({ program: 'temporal', port: 7233 });
    const given = JSON.stringify(spec);
    for (const name of Object.values(searchAttributes)) expect(given).toContain(`${name}=`);
    const set = runAttributes({
      pipeline: 'p',
      tenant: 't',
      trigger: 'manual',
      logicalTime: '2026-01-31T06:00:00Z',
    });
    expect(set.map((pair) => pair.key.name).sort()).toEqual(Object.values(searchAttributes).sort());
    expect(runId('p'.repeat(64), 't'.repeat(64), '2026-01-31T06:00:00Z').length).toBeLessThanOrEqual(200);
  });

  describe('the workflow bundle', () => {
    let code = '';
    beforeAll(async () => {
      await build();
      code = readFileSync(path.join(projectRoot, 'dist', 'workflow-bundle.js'), 'utf8');
    }, 60_000);

    it('holds workflows, protocol, domain and the SDK, and nothing else', () => {
      const modules = [...code.matchAll(/^\/\*\*\*\/ "([^"]+)"$/gm)].map(([, name = '']) => name);
      expect(modules.length).toBeGreaterThan(20);
      const allowed =
        /^\.\/dist[.\d]*\/(workflows|protocol|domain)\/|\/node_modules\/(@temporalio\/(workflow|common)|long|ms|nexus-rpc)\/|^\?[0-9a-f]+$|\(ignored\)/;
      expect(modules.filter((name) => !allowed.test(name))).toEqual([]);
    });

    it('asks for nothing of Node', () => {
      const own = code.slice(0, code.indexOf('sourceMappingURL'));
      expect(own).not.toMatch(/require\(["']node:|from ["']node:|external "node:/);
      expect(own).not.toMatch(/process\.env/);
    });
  });

  it('the import directions hold', async () => {
    const cruise = path.join(projectRoot, 'node_modules', '.bin', 'depcruise');
    const args = [
      '--config',
      '.dependency-cruiser.mjs',
      '--output-type',
      'err',
      'src/workflows',
      'src/domain',
    ];
    const { stdout } = await promisify(execFile)(cruise, args, { cwd: projectRoot });
    expect(stdout).toContain('no dependency violations');
  }, 30_000);
});
