import { describe, expect, it } from 'vitest';
import { settingPaths } from '../../src/cli/connector-settings.js';
import type { connectorView } from '../../src/cli/connector-view.js';
import { connectors } from '../../src/connectors/registry.js';
import { baton } from './captured.js';

/** The paths that the schema itself misses in nothing at all. */
function missed(issues: readonly { readonly path: readonly PropertyKey[] }[]): string[] {
  return issues.map(({ path }) => path.map(String).join('.')).sort();
}

describe('baton connectors list', () => {
  it('names each connector of this build, with what it can do, how that was verified and what it needs', async () => {
    const { stdout, code } = await baton(['connectors', 'list', '--json']);
    expect(code).toBe(0);
    const { data } = JSON.parse(stdout) as { data: ReturnType<typeof connectorView>[] };
    expect(data.map(({ name }) => name)).toEqual(Object.keys(connectors));
    for (const { name, system, capabilities, verifiedAgainst } of data) {
      expect(system, name).not.toBe('');
      expect(capabilities.length, name).toBeGreaterThan(0);
      expect(verifiedAgainst.length, name).toBeGreaterThan(0);
    }
    expect(data.find(({ name }) => name === 'zendesk')).toMatchObject({
      capabilities: expect.arrayContaining(['source', 'tickets', 'webhooks']),
      guarantees: { 'ticket.open': ['exact'], 'ticket.update': ['once_after_looking'] },
      needs: { settings: ['baseUrl', 'auth.email', 'auth.apiToken'] },
    });
  });

  it.each(Object.keys(connectors))('says of %s that it needs what its schema misses first', (name) => {
    const { connection } = connectors[name] ?? expect.unreachable();
    const parsed = connection.safeParse({});
    // A rule across settings, a folder or a bucket, is nobody's alone.
    const first = parsed.success ? [] : missed(parsed.error.issues.filter(({ code }) => code !== 'custom'));
    const needed = settingPaths(connection).filter(({ isOptional }) => !isOptional);
    const tops = [...new Set(needed.map(({ path }) => path.split('.')[0]))].sort();
    expect(tops).toEqual(first);
  });
});
