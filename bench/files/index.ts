import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { columns } from '../columns.js';
import type { Bench } from '../main.js';
import { startMeter } from '../measure.js';
import { onStage } from '../on-stage.js';
import { positive } from '../options.js';
import type { Stage } from '../servers.js';
import { percentile, rounded } from '../statistics.js';

const databases = { control: 'files_control', warehouse: 'files_warehouse' } as const;
const secret = 'a-secret-of-the-bench';

export const files: Bench = {
  name: 'files',
  summary: 'Orders that come as files: from the event to the row, and one large file in flat memory.',
  usage: '[--events 30] [--megabytes 200] [--json] [--keep]',
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        events: { type: 'string', default: '30' },
        megabytes: { type: 'string', default: '200' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    const asked = {
      events: positive('events', values.events),
      megabytes: positive('megabytes', values.megabytes),
    };
    await onStage(values, (stage, say) => measure(stage, asked, say));
  },
};

async function measure(
  stage: Stage,
  { events, megabytes }: { readonly events: number; readonly megabytes: number },
  say: (line: string) => void,
): Promise<object> {
  const installation = await startInstallation(stage);
  say(`${events} files of ten orders, each told of when it is there, one after the other`);
  const times: number[] = [];
  for (let at = 0; at < events; at += 1) {
    const name = `event-${at}.json`;
    await installation.put(name, JSON.stringify(Array.from({ length: 10 }, (_, n) => order(at * 10 + n))));
    const toldAt = Date.now();
    await installation.tell(name);
    times.push((await installation.stored(name)) - toldAt);
    await sleep(200);
  }
  say(`one file of ${megabytes} MB`);
  const records = await installation.putLarge('large.json', megabytes * 1_000_000);
  const meter = await startMeter({ workers: installation.workers.pid });
  const startedAt = Date.now();
  await installation.tell('large.json');
  const took = (await installation.stored('large.json')) - startedAt;
  const { cpuSeconds, peakRssMb } = (await meter.stop()).usage.workers;
  const report = {
    bench: 'files',
    events,
    eventToStoredP50Ms: Math.round(percentile(times, 0.5)),
    eventToStoredP95Ms: Math.round(percentile(times, 0.95)),
    megabytes,
    records,
    largeSeconds: rounded(took / 1_000, 1),
    recordsPerSecond: Math.round(records / (took / 1_000)),
    cpuSeconds: rounded(cpuSeconds, 1),
    peakRssMb: Math.round(peakRssMb),
  };
  say(
    `\n${columns(
      Object.entries(report).map(([name, value]) => [name, String(value)]),
      1,
    )}`,
  );
  return report;
}

function order(id: number) {
  return {
    order_id: `O${id}`,
    subtotal: String((id % 9_000) + 0.25),
    tax: 0.08,
    currency: 'USD',
    customer: `customer-${id % 1_000}`,
    lines: Array.from({ length: 8 }, (_, line) => ({
      sku: `SKU-${(id * 31 + line) % 10_000}`,
      quantity: (line % 5) + 1,
      price: '12.50',
      description: 'A thing that somebody has ordered, as a catalogue describes it',
    })),
  };
}

async function startInstallation(stage: Stage) {
  for (const name of Object.values(databases)) await stage.postgres.freshDatabase(name);
  const port = await stage.freePort();
  const folder = path.join(stage.folder, 'orders');
  await mkdir(folder);
  const configFile = path.join(stage.folder, 'files.yaml');
  await writeFile(configFile, JSON.stringify(configOf(stage, port, folder))); // JSON is YAML
  const env = {
    BATON_CONFIG: configFile,
    BATON_HOME: path.join(stage.folder, 'home'),
    BATON_PG_PASSWORD: stage.postgres.password,
    POS_SECRET: secret,
  };
  const program = (name: string) => path.join(import.meta.dirname, '../../dist', name, 'main.js');
  const workers = await stage.start({ name: 'workers', args: [program('workers'), '--role', 'all'], env });
  await stage.start({ name: 'gateway', args: [program('gateway')], env });
  const whole = (name: string) => rename(path.join(folder, `.${name}`), path.join(folder, name));
  return {
    workers,
    async put(name: string, body: string): Promise<void> {
      await writeFile(path.join(folder, `.${name}`), body);
      await whole(name);
    },
    /** Answers how many orders it holds. */
    async putLarge(name: string, bytes: number): Promise<number> {
      const out = createWriteStream(path.join(folder, `.${name}`));
      let written = 0;
      let count = 0;
      out.write('[');
      while (written < bytes) {
        const text = `${count === 0 ? '' : ',\n'}${JSON.stringify(order(1_000_000 + count))}`;
        written += text.length;
        count += 1;
        if (!out.write(text)) await once(out, 'drain');
      }
      out.end(']');
      await once(out, 'close');
      await whole(name);
      return count;
    },
    async tell(name: string): Promise<void> {
      const record = {
        eventSource: 'minio:s3',
        eventName: 's3:ObjectCreated:Put',
        s3: { bucket: { name: 'orders' }, object: { key: name } },
      };
      const answer = await fetch(`http://127.0.0.1:${port}/hooks/pos`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
        body: JSON.stringify({ Key: name, Records: [record] }),
      });
      if (answer.status !== 202) throw new Error(`the notice was answered ${answer.status}`);
    },
    /** When its records were in the warehouse, by the same clock. */
    async stored(name: string): Promise<number> {
      for (const deadline = Date.now() + 1_800_000; Date.now() < deadline; await sleep(50)) {
        const [row] = await stage.postgres.query<{ state: string; reason: string | null; at: Date | null }>(
          databases.control,
          `SELECT state, reason, stored_at AS at FROM control.files WHERE key = $1`,
          [name],
        );
        if (row?.at) return row.at.getTime();
        if (row?.state === 'dead' || row?.state === 'gone')
          throw new Error(`${name} is ${row.state}: ${row.reason}`);
      }
      throw new Error(`${name} was not stored within half an hour`);
    },
  };
}

function configOf(stage: Stage, port: number, folder: string) {
  const database = (name: string) => ({
    url: stage.postgres.url(name),
    password: 'secret://env/BATON_PG_PASSWORD',
  });
  return {
    version: 1,
    temporal: { address: stage.temporal.address },
    control: database(databases.control),
    warehouse: { type: 'postgres', ...database(databases.warehouse) },
    lake: { type: 'local', path: path.join(stage.folder, 'lake') },
    gateway: { host: '127.0.0.1', port },
    connections: {
      // Files are moved in when they are whole; an hour between two looks, so that it is the event that is measured.
      pos: {
        type: 'files',
        folder,
        settleMs: 1,
        pollMs: 3_600_000,
        webhook: { secret: 'secret://env/POS_SECRET' },
      },
    },
  };
}
