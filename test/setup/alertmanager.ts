import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { serve, type TestServer, temporaryFolder } from './shared.js';

/** A real Alertmanager, which groups, repeats and resolves as it does. */
export interface Alertmanager {
  readonly url: string;
  stop(): Promise<void>;
}

/** Where its program is on this machine; null = tests that need it say so and pass by. */
export function findAlertmanager(): string | null {
  const names = ['prometheus-alertmanager', 'alertmanager'];
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  const places = [
    process.env['ALERTMANAGER_PATH'],
    ...folders.flatMap((folder) => names.map((name) => path.join(folder, name))),
  ];
  const found = places.find((place) => place && existsSync(place)) ?? null;
  if (found === null)
    console.log('no Alertmanager on this machine: its webhooks are not tested (see .ci/run)');
  return found;
}

/** https://prometheus.io/docs/alerting/latest/configuration/: quick to tell, and to one receiver only. */
export async function startAlertmanager(
  found: string,
  hook: string,
  secret: string,
  /** More than these do not fit into a notification; 0 = all do. */
  maxAlerts = 0,
): Promise<Alertmanager> {
  const folder = temporaryFolder('alertmanager');
  const { ports } = await choosePorts({ temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 });
  const url = `http://127.0.0.1:${ports.gateway}`;
  const config = path.join(folder, 'alertmanager.yml');
  writeFileSync(
    config,
    JSON.stringify({
      route: {
        receiver: 'baton',
        group_by: ['alertname'],
        group_wait: '1s',
        group_interval: '1s',
        repeat_interval: '2s',
      },
      receivers: [
        {
          name: 'baton',
          webhook_configs: [
            {
              url: hook,
              send_resolved: true,
              max_alerts: maxAlerts,
              http_config: { authorization: { credentials: secret } },
            },
          ],
        },
      ],
    }),
  );
  const server: TestServer = await serve(
    {
      name: 'alertmanager',
      title: 'Alertmanager',
      program: found,
      args: [
        `--config.file=${config}`,
        `--storage.path=${path.join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${ports.gateway}`,
        '--cluster.listen-address=',
      ],
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder },
      ready: { probe: async () => (await fetch(`${url}/-/ready`).catch(() => null))?.ok === true },
      stopSignal: 'SIGTERM',
      graceMs: 5_000,
      error: 'ERR_INTERNAL',
    },
    folder,
  );
  return {
    url,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
