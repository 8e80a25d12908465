import { type BatonConfig, resolveConnection } from '../../config/index.js';
import { connectors, offersOf } from '../../connectors/registry.js';
import { recordsPerCall, typicalRunMs } from '../../control/paces.js';
import { type Estimate, estimateOf, type StreamPast, spansOf } from '../../domain/estimate.js';
import type { ExtractStep } from '../../domain/plan.js';
import { ratesOf } from '../../domain/rate.js';
import { traitsOf } from '../../domain/write.js';
import { compilePlan } from '../../pipelines/index.js';
import type { Interval } from '../../protocol/run.js';
import { readLoadedSpans } from '../../warehouse/postgres/loaded-spans.js';
import { tableOf } from '../../warehouse/staged.js';
import type { Cli } from '../context.js';
import { formatCount, formatCounted, type Style } from '../render/style.js';
import { streamOf } from './installation.js';

interface Asked {
  readonly pipeline: string;
  readonly tenant: string;
  readonly maxActive: number;
  readonly intervals: readonly Interval[];
}

/** What the intervals would take, by what control and warehouse hold; no vendor is asked. */
export async function estimateBackfill(cli: Cli, config: BatonConfig, asked: Asked): Promise<Estimate> {
  const { steps } = compilePlan(asked.pipeline, config.pipelines, offersOf(config.connections));
  const pasts: StreamPast[] = [];
  for (const step of steps) if (step.kind === 'extract') pasts.push(await pastOf(cli, config, step, asked));
  const control = await cli.control();
  return estimateOf(asked.intervals, pasts, {
    maxActive: asked.maxActive,
    typicalRunMs: await typicalRunMs(control, asked.pipeline, asked.tenant),
  });
}

async function pastOf(
  cli: Cli,
  config: BatonConfig,
  step: ExtractStep,
  { tenant, intervals }: Asked,
): Promise<StreamPast> {
  const { connection, stream: name } = step;
  const stream = streamOf(config, connection, name);
  const readsEverything = stream.mode === 'full' || traitsOf(step.target.write).readsEverything;
  const spans = await readLoadedSpans(
    await cli.warehouse(),
    tableOf(stream, step),
    tenant,
    spansOf(intervals),
  );
  const loaded = spans === null || spans.rows === 0 ? null : spans;
  const epoch = new Date(0);
  return {
    connection,
    stream: name,
    readsEverything: readsEverything || loaded?.oldest === null,
    loaded:
      loaded === null
        ? null
        : { rows: loaded.rows, oldest: loaded.oldest ?? epoch, newest: loaded.newest ?? epoch },
    within: loaded?.within ?? 0,
    recordsPerCall: await recordsPerCall(await cli.control(), { connection, stream: name, tenant }),
    callsPerSecond: callsPerSecond(config, connection),
  };
}

/** Of several limits the one that a long piece of work meets. */
function callsPerSecond(config: BatonConfig, connection: string): number {
  const { type, limits, settings } = resolveConnection(config, connection, connectors);
  const documented = connectors[type]?.rate?.(settings);
  const rates = ratesOf(limits);
  const all = rates.length > 0 || documented === undefined ? rates : [documented];
  return Math.min(...all.map(({ requests, perMs }) => (requests / perMs) * 1000));
}

export function describeEstimate({ streams, minutes }: Estimate, maxActive: number, style: Style): string[] {
  const lines = streams.map(({ connection, stream, rows, calls, extrapolated }) => {
    const about =
      rows === null
        ? 'unknown: nothing was loaded yet'
        : `about ${formatCounted(rows, 'rows')}, ${calls === null ? 'calls unknown' : formatCounted(calls, 'calls')}${extrapolated ? ' (in part older than what is loaded, and taken to be as dense)' : ''}`;
    return `  ${style.dim('reads    ')}  ${connection} ${stream}: ${about}`;
  });
  const time =
    minutes === null
      ? 'unknown'
      : minutes < 1
        ? 'under a minute'
        : `about ${formatCount(Math.ceil(minutes))} minutes`;
  return [
    ...lines,
    `  ${style.dim('takes    ')}  ${time} with ${maxActive} runs at once, while nobody else uses the vendors’ limits`,
  ];
}
