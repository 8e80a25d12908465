import { createRunStore, type RunRow } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import { finalRunStates, type RunState, runStates } from '../../protocol/names.js';
import type { RunProgress } from '../../protocol/run.js';
import type { Handler, Outcome } from '../context.js';
import { list, one } from '../render/result.js';
import { renderSteps } from '../render/step-tree.js';
import { formatAge, formatCount, formatSeconds, type Style } from '../render/style.js';
import { choice } from './choice.js';
import { temporalLink } from './links.js';
import { knownPipeline, knownRun } from './names.js';
import { receiptLines, ticketWords } from './receipt.js';
import { waitForRun } from './wait.js';

const icons: Readonly<Record<RunState, string>> = {
  queued: '◌',
  running: '▸',
  waiting: '◌',
  succeeded: '✓',
  partial: '◐',
  failed: '✗',
  cancelled: '⊘',
  skipped: '–',
};

export const listRuns: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const pipeline = options['pipeline'] === undefined ? undefined : String(options['pipeline']);
  const state = choice(options, 'state', runStates);
  const store = createRunStore(await cli.control());
  const named = pipeline === undefined ? {} : { pipeline: knownPipeline(await cli.config(), pipeline) };
  const found = await store.list({ ...named, ...(state === undefined ? {} : { state }), limit: limit + 1 });
  const now = new Date();
  return {
    result: list<RunRow>({
      items: found.slice(0, limit),
      data: runData,
      empty: 'No runs yet. Start one: baton run <pipeline>',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Run', value: (run) => run.short_id },
        { title: 'Pipeline', value: (run) => run.pipeline },
        { title: 'Tenant', value: (run) => run.tenant },
        { title: 'State', value: (run) => run.state, show: (run, style) => stateWord(run.state, style) },
        { title: 'Logical time', value: (run) => run.logical_time.toISOString() },
        { title: 'Trigger', value: (run) => run.trigger },
        { title: 'Read', value: (run) => String(run.receipt?.read ?? '') },
        { title: 'Loaded', value: (run) => String(run.receipt?.loaded ?? '') },
        {
          title: 'Tickets',
          value: (run) => String(run.tickets?.opened ?? ''),
        },
        { title: 'Duration', value: (run) => duration(run) },
        {
          title: 'Created',
          value: (run) => run.created_at.toISOString(),
          show: (run) => formatAge(run.created_at, now),
        },
      ],
    }),
  };
};

export const showRun: Handler = async (cli, [reference = '']) => {
  const run = await knownRun(cli, reference);
  const progress = await createRunStore(await cli.control()).progress(run.id);
  const links = { temporal: temporalLink(await cli.config(), run.id) };
  const data = { ...runData(run), steps: progress?.steps ?? [], links };
  return { result: one(data, (style, columns) => describe(run, progress, links.temporal, style, columns)) };
};

/** Follows the run while it goes on; one that has ended is shown as it ended. */
export const watchRun: Handler = async (cli, [reference = ''], options) => {
  const run = await knownRun(cli, reference);
  if (finalRunStates.has(run.state)) {
    const shown = await showRun(cli, [run.id], {});
    return options['exitStatus'] === true && run.state === 'failed'
      ? { ...shown, error: asFailure(run) }
      : shown;
  }
  const outcome = await waitForRun(cli, run.id);
  return options['exitStatus'] === true ? outcome : withoutFailure(outcome);
};

export const cancelRun: Handler = async (cli, [reference = '']) => {
  const run = await knownRun(cli, reference);
  if (finalRunStates.has(run.state)) {
    const text = `– run ${run.short_id} has already ended (${run.state})\n`;
    return { result: one({ run: run.id, state: run.state, asked: false }, () => text) };
  }
  await (await cli.client()).cancelRun(run.id);
  return {
    result: one(
      { run: run.id, state: run.state, asked: true },
      (style) =>
        `${style.green('✓')} asked run ${run.short_id} to stop; see baton runs watch ${run.short_id}\n`,
    ),
  };
};

/** Watching did what it should, however the run ended. */
function withoutFailure(outcome: Outcome): Outcome {
  const failed = outcome.error?.error === 'ERR_RUN_FAILED' || outcome.error?.error === 'ERR_RUN_TAKEN';
  return failed && outcome.result !== undefined ? { result: outcome.result } : outcome;
}

function asFailure(run: RunRow): BatonError {
  const detail = `Run ${run.short_id} of ${run.pipeline} failed${run.error === null ? '.' : `: ${run.error.detail}`}`;
  return new BatonError('ERR_RUN_FAILED', { detail });
}

function runData(run: RunRow) {
  return {
    id: run.id,
    shortId: run.short_id,
    pipeline: run.pipeline,
    tenant: run.tenant,
    state: run.state,
    trigger: run.trigger,
    logicalTime: run.logical_time.toISOString(),
    fullRefresh: run.full_refresh,
    createdAt: run.created_at.toISOString(),
    startedAt: run.started_at?.toISOString() ?? null,
    endedAt: run.ended_at?.toISOString() ?? null,
    receipt: run.receipt,
    tickets: run.tickets,
    error: run.error,
  };
}

function duration(run: RunRow): string {
  if (run.started_at === null) return '';
  return formatSeconds((run.ended_at ?? new Date()).getTime() - run.started_at.getTime());
}

function stateWord(state: RunState, style: Style): string {
  const text = `${icons[state]} ${state}`;
  if (state === 'succeeded') return style.green(text);
  if (state === 'failed' || state === 'cancelled') return style.red(text);
  return state === 'partial' ? style.yellow(text) : text;
}

function describe(
  run: RunRow,
  progress: RunProgress | null,
  link: string,
  style: Style,
  columns: number,
): string {
  const { receipt, tickets, error } = run;
  const facts = [`run ${run.short_id}`, stateWord(run.state, style), duration(run), `by ${run.trigger}`];
  const lines = [
    `${style.bold(run.pipeline)}  ${facts.filter((fact) => fact !== '').join('  ')}`,
    `  ${style.dim('id      ')}  ${run.id}`,
    ...(progress === null ? [] : ['', renderSteps(progress, style, columns), '']),
    ...(receipt === null ? [] : receiptLines(receipt, null, style)),
    ...(tickets === null ? [] : [`  ${style.dim('tickets ')}  ${ticketWords(tickets)}`]),
    `  ${style.dim('story   ')}  ${link}`,
    ...(error === null ? [] : ['', ...errorLines(error, style)]),
    ...(receipt !== null && receipt.quarantined > 0
      ? [
          style.dim(
            `  next: baton quarantine list --run ${run.short_id} (${formatCount(receipt.quarantined)} records)`,
          ),
        ]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

function errorLines(error: NonNullable<RunRow['error']>, style: Style): readonly string[] {
  return [
    `${style.red('✗')} ${error.detail}    ${style.dim(error.code)}`,
    ...(error.where === undefined ? [] : [`  ${style.dim('Where  ')} ${error.where}`]),
    `  ${style.dim('Why    ')} ${error.why}`,
    `  ${style.dim('Fix    ')} ${error.fix}        ${style.dim(`Docs: baton help ${error.code}`)}`,
  ];
}
