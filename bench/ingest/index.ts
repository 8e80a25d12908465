import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { columns } from '../columns.js';
import type { Bench } from '../main.js';
import { startMeter } from '../measure.js';
import { onStage } from '../on-stage.js';
import { positive } from '../options.js';
import { startBareWorker } from '../runs/bare.js';
import type { Stage } from '../servers.js';
import { percentile, rounded } from '../statistics.js';
import { bareSignal, directStart, untilFirstActivity } from './first-activity.js';
import { startInstallation } from './installation.js';
import { createSender, type Delivery, delivery, type Sent } from './sender.js';

/** Connections of the sender, kept alive. */
const connections = 64;
/** Each contestant's turns: they alternate, because the machine is others' too. */
const turns = 3;
const burstSeconds = 10;

type Installation = Awaited<ReturnType<typeof startInstallation>>;
type Say = (line: string) => void;

export const ingest: Bench = {
  name: 'ingest',
  summary: 'Events durably accepted a second beside a bare batched INSERT; a burst; event to first activity.',
  usage: '[--events 20000] [--burst 10000] [--samples 40] [--json] [--keep]',
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        events: { type: 'string', default: '20000' },
        burst: { type: 'string', default: '10000' },
        samples: { type: 'string', default: '40' },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    const asked = {
      events: positive('events', values.events),
      burst: positive('burst', values.burst),
      samples: positive('samples', values.samples),
    };
    await onStage(values, (stage, say) => measure(stage, asked, say));
  },
};

async function measure(
  stage: Stage,
  asked: { readonly events: number; readonly burst: number; readonly samples: number },
  say: Say,
): Promise<object> {
  const installation = await startInstallation(stage);
  const limit = await installation.startLimit();
  if (process.env['NOW'] === '1') await installation.workers.stop();
  say(`${asked.events} events over ${connections} connections, ${turns} turns each`);
  const ours: Flood[] = [];
  const limits: Flood[] = [];
  await flood(stage, { url: installation.url, pid: installation.gateway.pid }, deliveries('warm', 5_000));
  await flood(stage, limit, deliveries('warm', 5_000));
  for (let turn = 0; turn < turns; turn += 1) {
    ours.push(
      await flood(
        stage,
        { url: installation.url, pid: installation.gateway.pid },
        deliveries(`ours-${turn}`, asked.events),
      ),
    );
    if (process.env['NOW'] !== '1') await settled(installation);
    limits.push(await flood(stage, limit, deliveries(`limit-${turn}`, asked.events)));
    for (const [name, { perSecond, cpuUs }] of Object.entries({
      Baton: ours.at(-1),
      limit: limits.at(-1),
    }) as [string, Flood][])
      say(`  ${name}: ${Math.round(perSecond)} a second; µs of server + PostgreSQL + others each: ${cpuUs}`);
  }
  await limit.stop();
  say(`a burst of ${asked.burst} in ${burstSeconds} s, a tenth of them sent again`);
  const burst = await sendBurst(installation, asked.burst);
  say(
    `${asked.samples} events one by one, each beside a start of the same workflow, and a bare signal-with-start`,
  );
  const first = await firstActivities(stage, installation, asked.samples);
  const [best, most] = [
    median(ours.map(({ perSecond }) => perSecond)),
    median(limits.map(({ perSecond }) => perSecond)),
  ];
  const report = {
    bench: 'ingest',
    eventsPerSecond: Math.round(best),
    p99Ms: rounded(median(ours.map(({ p99Ms }) => p99Ms)), 1),
    limitPerSecond: Math.round(most),
    limitP99Ms: rounded(median(limits.map(({ p99Ms }) => p99Ms)), 1),
    ratioToLimit: rounded(best / most, 2),
    ...burst,
    ...first,
  };
  say(`\n${tableOf(report)}`);
  return report;
}

function deliveries(prefix: string, count: number): Delivery[] {
  return Array.from({ length: count }, (_, at) => delivery(`${prefix}-${at}`));
}

interface Flood {
  readonly perSecond: number;
  /** Microseconds of processor time for each event: of the server, of PostgreSQL, of all else. */
  readonly cpuUs: string;
  readonly p99Ms: number;
}

async function flood(
  stage: Stage,
  { url, pid }: { readonly url: string; readonly pid: number },
  all: readonly Delivery[],
): Promise<Flood> {
  const meter = await startMeter({ server: pid, postgres: stage.postgres.pid });
  const sender = createSender(url, connections);
  const startedAt = performance.now();
  const sent = await sender.flood(all);
  const seconds = (performance.now() - startedAt) / 1_000;
  sender.close();
  const { usage, othersCpuSeconds } = await meter.stop();
  requireTaken(sent);
  const each = [usage.server.cpuSeconds, usage.postgres.cpuSeconds, othersCpuSeconds];
  return {
    cpuUs: each.map((seconds) => Math.round((seconds / all.length) * 1e6)).join(' + '),
    perSecond: all.length / seconds,
    p99Ms: percentile(
      sent.map(({ ms }) => ms),
      0.99,
    ),
  };
}

function requireTaken(sent: readonly Sent[]): void {
  const refused = sent.find(({ status }) => status !== 202);
  if (refused !== undefined) throw new Error(`${refused.id} was answered ${refused.status}`);
}

/** Until everything that was accepted is loaded. */
async function settled({ control }: Installation): Promise<void> {
  for (;;) {
    const [row] = await control<{ n: number }>(
      `SELECT (SELECT count(*) FROM control.inbox WHERE state IN ('accepted','dispatched'))::int
            + (SELECT count(*) FROM control.arrivals WHERE state = 'waiting')::int AS n`,
    );
    if (row?.n === 0) return;
    await sleep(200);
  }
}

/** In ten seconds, a tenth of it a second time, in another order: whoever is refused sends again until it is taken. */
async function sendBurst(installation: Installation, count: number) {
  const distinct = deliveries('burst', Math.ceil(count * 0.9));
  const again = distinct.filter((_, at) => at % 9 === 0).slice(0, count - distinct.length);
  const all = [...distinct, ...again.toReversed()].map((one, at) => ({ one, at: (at * 7_919) % count }));
  all.sort((a, b) => a.at - b.at);
  const sender = createSender(installation.url, connections);
  const startedAt = performance.now();
  const sent = await sender.pace(
    all.map(({ one }) => one),
    burstSeconds,
  );
  const accepted = new Set(sent.filter(({ status }) => status === 202).map(({ id }) => id));
  await settled(installation);
  const seconds = (performance.now() - startedAt) / 1_000;
  sender.close();
  const [stored] = await installation.control<{ stored: number; processed: number; duplicates: number }>(
    `SELECT count(*) FILTER (WHERE state <> 'duplicate')::int AS stored,
            count(*) FILTER (WHERE state = 'processed')::int AS processed,
            count(*) FILTER (WHERE state = 'duplicate')::int AS duplicates
     FROM control.inbox WHERE delivery_id LIKE 'burst-%'`,
  );
  const [loaded] = await installation.warehouse<{ n: number }>(
    `SELECT count(*)::int AS n FROM raw.hooks_events WHERE delivery_id LIKE 'burst-%'`,
  );
  return {
    sent: sent.length,
    refused: sent.filter(({ status }) => status !== 202).length,
    accepted: accepted.size,
    stored: stored?.stored ?? 0,
    duplicates: stored?.duplicates ?? 0,
    processedOnce: stored?.processed === accepted.size && loaded?.n === accepted.size,
    burstP99Ms: rounded(
      percentile(
        sent.map(({ ms }) => ms),
        0.99,
      ),
      1,
    ),
    secondsToLoaded: rounded(seconds, 1),
  };
}

async function firstActivities(stage: Stage, installation: Installation, samples: number) {
  await startBareWorker(stage);
  const connection = await Connection.connect({ address: stage.temporal.address });
  const client = new Client({ connection });
  const sender = createSender(installation.url, 1);
  const [events, direct, bare]: [number[], number[], number[]] = [[], [], []];
  for (let at = -3; at < samples; at += 1) {
    const one = delivery(`start-${at}`, 'start');
    const sinceMs = Date.now();
    requireTaken([await sender.send(one)]);
    const event = await untilFirstActivity(client, () => startedBy(installation, one.id), sinceMs);
    // Logical times have seconds: two events of one second are one run.
    await sleep(1_050);
    const started = await directStart(client);
    await sleep(500);
    const signalled = await bareSignal(client, `bare-signal-${at}`);
    await sleep(600);
    if (at < 0) continue;
    events.push(event);
    direct.push(started);
    bare.push(signalled);
  }
  sender.close();
  await connection.close();
  const [p50, directP50, bareP50] = [median(events), median(direct), median(bare)];
  return {
    eventToActivityP50Ms: Math.round(p50),
    eventToActivityP95Ms: Math.round(percentile(events, 0.95)),
    directToActivityP50Ms: Math.round(directP50),
    directToActivityP95Ms: Math.round(percentile(direct, 0.95)),
    bareToActivityP50Ms: Math.round(bareP50),
    bareToActivityP95Ms: Math.round(percentile(bare, 0.95)),
    eventToDirect: rounded(p50 / directP50, 2),
    eventToBare: rounded(p50 / bareP50, 2),
  };
}

async function startedBy({ control }: Installation, deliveryId: string): Promise<string | null> {
  const [row] = await control<{ detail: string | null; state: string }>(
    `SELECT state, detail FROM control.inbox WHERE delivery_id = $1 AND state <> 'duplicate'`,
    [deliveryId],
  );
  return row?.state === 'processed' ? row.detail : null;
}

function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

function tableOf(report: Readonly<Record<string, unknown>>): string {
  const row = (title: string, ...names: readonly string[]) => [
    title,
    ...names.map((name) => String(report[name] ?? '')),
  ];
  return columns(
    [
      ['', 'Baton', 'beside'],
      row('events a second; bare batched INSERT', 'eventsPerSecond', 'limitPerSecond'),
      row('p99 ms', 'p99Ms', 'limitP99Ms'),
      row('ratio to the limit', 'ratioToLimit', ''),
      row('burst: sent; refused', 'sent', 'refused'),
      row('burst: accepted; stored', 'accepted', 'stored'),
      row('burst: each processed once; duplicates', 'processedOnce', 'duplicates'),
      row('burst: p99 ms; s until all is loaded', 'burstP99Ms', 'secondsToLoaded'),
      row(
        'event to first activity p50 ms; that workflow started directly',
        'eventToActivityP50Ms',
        'directToActivityP50Ms',
      ),
      row(
        'event to first activity p95 ms; that workflow started directly',
        'eventToActivityP95Ms',
        'directToActivityP95Ms',
      ),
      row(
        'ratio; bare signal-with-start of a workflow that does nothing, p50 ms',
        'eventToDirect',
        'bareToActivityP50Ms',
      ),
      row('ratio to that', 'eventToBare', ''),
    ],
    1,
  );
}
