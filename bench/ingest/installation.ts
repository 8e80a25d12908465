import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Stage } from '../servers.js';
import { secret } from './sender.js';

export const databases = {
  control: 'ingest_control',
  warehouse: 'ingest_warehouse',
  limit: 'ingest_limit',
} as const;

/** Gateway and workers as an installation has them, and the limit beside them. */
export async function startInstallation(stage: Stage) {
  for (const name of Object.values(databases)) await stage.postgres.freshDatabase(name);
  const gatewayPort = await stage.freePort();
  const configFile = path.join(stage.folder, 'ingest.yaml');
  writeFileSync(configFile, JSON.stringify(configOf(stage, gatewayPort))); // JSON is YAML
  const env = {
    BATON_CONFIG: configFile,
    BATON_HOME: path.join(stage.folder, 'home'),
    BATON_PG_PASSWORD: stage.postgres.password,
    HOOK_SECRET: secret,
    NOBODY: 'nobody',
  };
  const program = (name: string) => path.join(import.meta.dirname, '../../dist', name, 'main.js');
  const workers = await stage.start({ name: 'workers', args: [program('workers'), '--role', 'all'], env });
  const gateway = await stage.start({ name: 'gateway', args: [program('gateway')], env });
  return {
    gateway,
    workers,
    url: `http://127.0.0.1:${gatewayPort}/hooks/hooks`,
    async startLimit() {
      const port = await stage.freePort();
      const { postgres } = stage;
      const limit = await stage.start({
        name: 'limit',
        args: [
          path.join(import.meta.dirname, 'limit.js'),
          postgres.url(databases.limit),
          postgres.password,
          String(port),
        ],
      });
      return { ...limit, url: `http://127.0.0.1:${port}/hooks/hooks` };
    },
    control: <R>(text: string, values: readonly unknown[] = []) =>
      stage.postgres.query<R>(databases.control, text, values),
    warehouse: <R>(text: string) => stage.postgres.query<R>(databases.warehouse, text),
  };
}

function configOf(stage: Stage, port: number) {
  const database = (name: string) => ({
    url: stage.postgres.url(name),
    password: 'secret://env/BATON_PG_PASSWORD',
  });
  const nobody = 'http://127.0.0.1:9';
  const nobodys = { clientId: 'nobody', clientSecret: 'secret://env/NOBODY' };
  return {
    version: 1,
    temporal: { address: stage.temporal.address },
    control: database(databases.control),
    warehouse: { type: 'postgres', ...database(databases.warehouse) },
    lake: { type: 'local', path: path.join(stage.folder, 'lake') },
    gateway: { host: '127.0.0.1', port },
    connections: {
      hooks: { type: 'webhook', webhook: { scheme: 'standard', secret: 'secret://env/HOOK_SECRET' } },
      // A run that is started is ended when its first activity was.
      coupa: { type: 'coupa', baseUrl: nobody, auth: nobodys },
      salesforce: { type: 'salesforce', baseUrl: nobody, auth: nobodys },
      rates: { type: 'frankfurter', baseUrl: nobody },
    },
    events: {
      rules: [
        {
          name: 'start',
          connection: 'hooks',
          types: ['start'],
          do: 'run',
          pipeline: 'resilient_elt_pipeline',
        },
      ],
    },
    pipelines: { resilient_elt_pipeline: { source: 'coupa', desk: 'coupa' } },
  };
}
