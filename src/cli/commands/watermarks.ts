import { nearest } from '../../config/closest.js';
import { type BatonConfig, formatDuration, knownTenant, unknownConnection } from '../../config/index.js';
import { instant } from '../../config/schema/values.js';
import type { Stream } from '../../connectors/port.js';
import { streamsIn } from '../../connectors/registry.js';
import { shortRunId } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import {
  createWatermarkStore,
  type WatermarkChange,
  type WatermarkKey,
  type WatermarkRow,
} from '../../warehouse/postgres/watermarks.js';
import { confirm, person } from '../ask.js';
import type { Cli, Handler, Options } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge, type Style } from '../render/style.js';
import { plansOf } from './installation.js';

/** A watermark beyond the vendor's clock stops the next run; ours may differ from it by so much. */
const skewMs = 300_000;
const changesShown = 10;

export const listWatermarks: Handler = async (cli) => {
  const { limit } = cli.settings;
  const found = await createWatermarkStore(await cli.warehouse()).list(limit + 1);
  const now = new Date();
  return {
    result: list<WatermarkRow>({
      items: found.slice(0, limit),
      data: rowData,
      empty: 'There are no watermarks: nothing was loaded yet.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Connection', value: (row) => row.connection },
        { title: 'Stream', value: (row) => row.stream },
        { title: 'Tenant', value: (row) => row.tenant },
        { title: 'Watermark', value: (row) => row.value },
        { title: 'Moved by', value: (row) => row.moved_by, show: (row) => mover(row.moved_by) },
        {
          title: 'Moved',
          value: (row) => row.moved_at.toISOString(),
          show: (row) => formatAge(row.moved_at, now),
        },
      ],
    }),
  };
};

export const showWatermark: Handler = async (cli, [connection = '', stream = ''], options) => {
  const place = await placeOf(cli, connection, stream, options);
  const store = createWatermarkStore(await cli.warehouse());
  const row = await store.find(place.key);
  const changes = await store.changes(place.key, changesShown);
  const data = {
    ...place.key,
    value: row?.value ?? null,
    movedBy: row?.moved_by ?? null,
    movedAt: row?.moved_at.toISOString() ?? null,
    nextReads: nextReads(place, row?.value ?? null),
    changes: changes.map(changeData),
  };
  return { result: one(data, (style) => describe(place, row, changes, style)) };
};

export const setWatermark: Handler = async (cli, [connection = '', stream = '', time = ''], options) => {
  const place = await placeOf(cli, connection, stream, options);
  const after = readTime(time);
  if (after !== null && Date.parse(after) > Date.now() + skewMs)
    throw new BatonError('ERR_USAGE', {
      detail: `${after} is in the future: the next run would refuse to begin there.`,
    });
  const store = createWatermarkStore(await cli.warehouse());
  const before = (await store.find(place.key))?.value ?? null;
  const expected = options['expect'] === undefined ? before : readTime(String(options['expect']));
  if (expected !== before) throw moved(place.key, before);
  const next = nextReads(place, after);
  await confirm(
    cli,
    options,
    `Set the watermark of ${named(place.key)} from ${words(before)} to ${words(after)}? ${next}`,
  );
  if (!(await store.set(place.key, before, after, person())))
    throw moved(place.key, (await store.find(place.key))?.value ?? null);
  const data = { ...place.key, before, after, setBy: person(), nextReads: next };
  return {
    result: one(
      data,
      (style) => `${style.green('✓')} ${named(place.key)}  ${words(before)} → ${words(after)}\n  ${next}\n`,
    ),
  };
};

interface Place {
  readonly key: WatermarkKey;
  readonly stream: Stream;
  /** What the pipelines that read the stream say of its windows. */
  readonly lagMs: number;
  readonly initialValue: string | null;
}

/** Throws ERR_UNKNOWN_NAME for a connection, stream or tenant that is not there. */
async function placeOf(cli: Cli, connection: string, name: string, options: Options): Promise<Place> {
  const config = await cli.config();
  if (config.connections[connection] === undefined) throw unknownConnection(connection, config);
  const streams = streamsIn(config.connections, connection);
  const stream = streams[name];
  if (stream === undefined)
    throw new BatonError('ERR_UNKNOWN_NAME', {
      detail: `The connection ${connection} has no stream "${name}".${nearest(name, Object.keys(streams))}`,
      fix: `It has: ${Object.keys(streams).join(', ')}.`,
    });
  const tenant = knownTenant(config, String(options['tenant'] ?? 'default'));
  const step = readerOf(config, connection, name);
  return {
    key: { connection, stream: name, tenant },
    stream,
    lagMs: step?.lagMs ?? stream.lagMs,
    initialValue: step?.initialValue ?? null,
  };
}

function readerOf(config: BatonConfig, connection: string, stream: string) {
  const steps = plansOf(config).flatMap((plan) => plan.steps);
  return steps.find(
    (step) => step.kind === 'extract' && step.connection === connection && step.stream === stream,
  ) as { readonly lagMs: number | null; readonly initialValue: string | null } | undefined;
}

/** As `openBatch` fixes the window. */
function nextReads({ stream, lagMs, initialValue }: Place, watermark: string | null): string {
  if (stream.mode === 'full') return 'The next run reads everything, as each run of this stream does.';
  if (watermark !== null) {
    const from = new Date(Date.parse(watermark) - lagMs).toISOString();
    return `The next run reads what changed since ${from}, ${formatDuration(lagMs)} before the watermark.`;
  }
  return initialValue === null
    ? 'The next run reads everything.'
    : `The next run reads what changed since ${initialValue}, the pipeline’s initial value.`;
}

function readTime(text: string): string | null {
  if (text === 'none') return null;
  const parsed = instant.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new BatonError('ERR_USAGE', {
    detail: `"${text}" is neither a time such as 2026-01-31T00:00:00Z nor none.`,
  });
}

function moved(key: WatermarkKey, now: string | null): BatonError {
  return new BatonError('ERR_WATERMARK_MOVED', {
    detail: `The watermark of ${named(key)} is ${words(now)} now. Nothing was changed.`,
  });
}

function named({ connection, stream, tenant }: WatermarkKey): string {
  return `${connection} ${stream}${tenant === 'default' ? '' : ` (${tenant})`}`;
}

function words(value: string | null): string {
  return value ?? 'none';
}

/** `run 3f9a01c2` for a run's id. */
function mover(by: string): string {
  return by.startsWith('run/') ? `run ${shortRunId(by)}` : by;
}

function rowData(row: WatermarkRow) {
  const { connection, stream, tenant, value, moved_by, moved_at } = row;
  return { connection, stream, tenant, value, movedBy: moved_by, movedAt: moved_at.toISOString() };
}

function changeData({ before, after, changed_by, changed_at }: WatermarkChange) {
  return { before, after, by: changed_by, at: changed_at.toISOString() };
}

function describe(
  place: Place,
  row: WatermarkRow | null,
  changes: readonly WatermarkChange[],
  style: Style,
): string {
  const now = new Date();
  const by =
    row === null ? '' : `  ${style.dim(`moved by ${mover(row.moved_by)} ${formatAge(row.moved_at, now)}`)}`;
  return [
    `${style.bold(named(place.key))}  ${words(row?.value ?? null)}${by}`,
    `  ${nextReads(place, row?.value ?? null)}`,
    ...changes.map(
      ({ before, after, changed_by, changed_at }) =>
        `  ${style.dim(changed_at.toISOString())}  ${words(before)} → ${words(after)}  by ${changed_by}`,
    ),
    '',
  ].join('\n');
}
