import { formatDuration } from '../../config/index.js';
import {
  createFanOutStore,
  type FanOutChange,
  type FanOutRow,
  type ItemCounts,
} from '../../control/fan-outs.js';
import { shortRunId } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import { backfillId, toLogicalTime } from '../../protocol/names.js';
import type { Cli, Handler, Outcome } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge, formatCount, type Style } from '../render/style.js';
import { temporalLink } from './links.js';

const itemsShown = 20;

export const listBackfills: Handler = async (cli) => {
  const { limit } = cli.settings;
  const store = createFanOutStore(await cli.control());
  const found = await store.backfills({ limit: limit + 1 });
  const items = await Promise.all(
    found.slice(0, limit).map(async (row) => ({ row, counts: await store.counts(row.id) })),
  );
  const now = new Date();
  return {
    result: list<(typeof items)[number]>({
      items,
      data: ({ row, counts }) => rowData(row, counts),
      empty: 'No backfills yet: baton backfill create <pipeline> --from-date <day> --to-date <day>',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Backfill', value: ({ row }) => shortOf(row.id) },
        { title: 'Pipeline', value: ({ row }) => row.pipeline },
        { title: 'Tenant', value: ({ row }) => row.tenant },
        { title: 'State', value: ({ row }) => row.state },
        { title: 'From', value: ({ row }) => timeOf(row.from_time) },
        { title: 'To', value: ({ row }) => timeOf(row.to_time) },
        { title: 'Done', value: ({ counts }) => `${doneOf(counts)}/${allOf(counts)}` },
        { title: 'Failed', value: ({ counts }) => String(counts.failed) },
        {
          title: 'Created',
          value: ({ row }) => row.created_at.toISOString(),
          show: ({ row }) => formatAge(row.created_at, now),
        },
      ],
    }),
  };
};

export const showBackfill: Handler = async (cli, [reference = '']) => {
  const store = createFanOutStore(await cli.control());
  const row = await knownBackfill(cli, reference);
  const counts = await store.counts(row.id);
  const running = await store.items(row.id, itemsShown, ['running']);
  const failed = await store.items(row.id, itemsShown, ['failed', 'partial']);
  const link = temporalLink(await cli.config(), row.id);
  const item = ({ ordinal, window_from, window_to, run_id, state, detail }: (typeof running)[number]) => ({
    ordinal,
    from: timeOf(window_from),
    to: timeOf(window_to),
    run: { id: run_id, shortId: shortRunId(run_id) },
    state,
    detail,
  });
  const shown = [...running, ...failed].map(item);
  const data = { ...rowData(row, counts), items: shown, links: { temporal: link } };
  return {
    result: one(data, (style) =>
      [
        `${style.bold(`backfill ${shortOf(row.id)}`)}  ${row.pipeline} for ${row.tenant}  ${stateWord(row, style)}`,
        `  ${style.dim('range    ')}  ${timeOf(row.from_time)} to ${timeOf(row.to_time)}, by ${formatDuration(Number(row.interval_ms))}${row.backwards ? ', newest first' : ''}, ${row.max_active} at once`,
        `  ${style.dim('intervals')}  ${countWords(counts)}`,
        ...shown.map(
          ({ from, run, state, detail }) =>
            `  ${state === 'running' ? '▸' : style.red('✗')} ${from}  ${state}  run ${run.shortId}${detail === null ? '' : `  ${detail}`}`,
        ),
        `  ${style.dim('story    ')}  ${link}`,
        ...(failed.length > 0
          ? [
              style.dim(
                `  next: baton runs show ${shortRunId(failed[0]?.run_id ?? '')}; run the failed ones again: baton backfill create with --reprocess-behavior failed`,
              ),
            ]
          : []),
        '',
      ].join('\n'),
    ),
  };
};

export const pauseBackfill: Handler = (cli, [reference = '']) =>
  change(cli, reference, 'pause', 'paused: what runs is finished, nothing new is started');

export const resumeBackfill: Handler = (cli, [reference = '']) => change(cli, reference, 'resume', 'goes on');

export const cancelBackfill: Handler = (cli, [reference = ''], options) => {
  const leaveRunning = options['leaveRunning'] === true;
  const told = leaveRunning ? 'what runs is finished' : 'what runs is asked to stop';
  return change(
    cli,
    reference,
    'cancel',
    `cancelled: nothing new is started, ${told}; what is loaded stays loaded`,
    leaveRunning,
  );
};

async function change(
  cli: Cli,
  reference: string,
  what: FanOutChange,
  told: string,
  leaveRunning = false,
): Promise<Outcome> {
  const store = createFanOutStore(await cli.control());
  const row = await knownBackfill(cli, reference);
  const client = await cli.client();
  if (!(await store.change(row.id, what, leaveRunning))) {
    const now = (await knownBackfill(cli, row.id)).state;
    throw new BatonError('ERR_BACKFILL_ENDED', {
      detail: `Backfill ${shortOf(row.id)} is ${now}: there is nothing to ${what}.`,
    });
  }
  // One whose workflow was lost is started again: it acts on the rows, as the lost one would have.
  if (!(await client.tellFanOut(row.id)))
    await client.startBackfill(row.id, `${row.pipeline} for ${row.tenant}, taken up again`);
  const short = shortOf(row.id);
  return {
    result: one(
      { id: short, asked: what },
      (style) =>
        `${style.green('✓')} backfill ${short} ${told}\n  ${style.dim(`next: baton backfill show ${short}`)}\n`,
    ),
  };
}

/** The one backfill of an id or the beginning of one. Throws ERR_BACKFILL_NOT_FOUND, also when several match. */
async function knownBackfill(cli: Cli, reference: string): Promise<FanOutRow> {
  const store = createFanOutStore(await cli.control());
  const prefix = reference.startsWith(backfillId('')) ? reference : backfillId(reference);
  const found = await store.backfills({ prefix, limit: 2 });
  const [only] = found;
  if (found.length === 1 && only !== undefined && reference !== '') return only;
  const detail =
    found.length > 1
      ? `"${reference}" is the beginning of several backfills.`
      : `No backfill "${reference}".`;
  throw new BatonError('ERR_BACKFILL_NOT_FOUND', { detail });
}

function rowData(row: FanOutRow, counts: ItemCounts) {
  return {
    id: shortOf(row.id),
    pipeline: row.pipeline,
    tenant: row.tenant,
    state: row.state,
    from: timeOf(row.from_time),
    to: timeOf(row.to_time),
    interval: formatDuration(Number(row.interval_ms)),
    backwards: row.backwards,
    reprocessBehavior: row.reprocess,
    maxActiveRuns: row.max_active,
    counts,
    createdAt: row.created_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
  };
}

function stateWord({ state }: FanOutRow, style: Style): string {
  if (state === 'succeeded') return style.green(`✓ ${state}`);
  if (state === 'failed' || state === 'cancelled') return style.red(`✗ ${state}`);
  return state === 'running' ? `▸ ${state}` : style.yellow(`‖ ${state}`);
}

function countWords(counts: ItemCounts): string {
  const parts = Object.entries(counts).filter(([, items]) => items > 0);
  return `${allOf(counts)}: ${parts.map(([state, items]) => `${formatCount(items)} ${state}`).join(', ')}`;
}

function allOf(counts: ItemCounts): number {
  return Object.values(counts).reduce((sum, items) => sum + items, 0);
}

function doneOf(counts: ItemCounts): number {
  return allOf(counts) - counts.waiting - counts.running;
}

/** As people name it: without what all ids begin with. */
export function shortOf(id: string): string {
  return id.slice(backfillId('').length);
}

function timeOf(time: Date | null): string {
  return time === null ? '' : toLogicalTime(time);
}
