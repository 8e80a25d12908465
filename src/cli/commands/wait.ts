import { shortRunId } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import type { RunResult } from '../../protocol/run.js';
import type { Cli, Outcome } from '../context.js';
import { exitCodes } from '../exit-codes.js';
import { one } from '../render/result.js';
import { createStepTree, type StepTree } from '../render/step-tree.js';
import { formatSeconds, type Style } from '../render/style.js';
import { type Interrupts, listenForInterrupts } from './interrupt.js';
import { temporalLink } from './links.js';
import { receiptLines } from './receipt.js';
import { storedProgress } from './stored-progress.js';

/** Shows the steps on stderr until the run ends, and gives its result: ERR_RUN_FAILED when it failed. */
export async function waitForRun(cli: Cli, id: string): Promise<Outcome> {
  const { settings, io } = cli;
  const label = shortRunId(id);
  const tree = createStepTree({
    stream: settings.quiet ? { write: () => {} } : io.stderr,
    live: settings.live && !settings.quiet,
    color: settings.colorErr,
    label,
    hint: 'Ctrl-C detaches (the run goes on), twice cancels it',
  });
  const interrupts = listenForInterrupts(() => {
    tree.close();
    cli.note(`Detached; the run goes on (Ctrl-C again cancels it). See it again: baton runs watch ${label}`);
  });
  try {
    await follow(cli, id, tree, interrupts);
    if (interrupts.signal.aborted) return await detached(cli, id, interrupts);
    tree.close();
    const result = await finalResult(cli, id);
    return await present(cli, result);
  } finally {
    tree.close();
    interrupts.stop();
  }
}

async function follow(cli: Cli, id: string, tree: StepTree, interrupts: Interrupts): Promise<void> {
  const { timeoutMs } = cli.settings;
  const client = await cli.client();
  const timeout = timeoutMs === null ? null : AbortSignal.timeout(timeoutMs);
  const signal = timeout === null ? interrupts.signal : AbortSignal.any([interrupts.signal, timeout]);
  for await (const progress of client.watchRun(id, {
    signal,
    intervalMs: 300,
    read: storedProgress(cli, id),
  }))
    tree.update(progress);
  if (timeout?.aborted !== true || interrupts.signal.aborted) return;
  throw new BatonError('ERR_WAIT_TIMEOUT', {
    detail: `Run ${shortRunId(id)} has not ended within ${formatSeconds(timeoutMs ?? 0)}; it goes on.`,
    fix: `baton runs watch ${shortRunId(id)}`,
  });
}

async function detached(cli: Cli, id: string, interrupts: Interrupts): Promise<Outcome> {
  const signalled = interrupts.received() === 'SIGTERM' ? 143 : exitCodes.interrupted.code;
  if ((await interrupts.decided) === 'cancel') {
    await (await cli.client()).cancelRun(id);
    cli.note(`Asked run ${shortRunId(id)} to stop.`);
  }
  return { exitCode: signalled };
}

/** A run that failed without a result is told like one that ended as failed. */
async function finalResult(cli: Cli, id: string): Promise<RunResult | BatonError> {
  try {
    return await (await cli.client()).runResult(id);
  } catch (error) {
    if (!(error instanceof BatonError) || error.error === 'ERR_TEMPORAL_UNAVAILABLE') throw error;
    return error;
  }
}

async function present(cli: Cli, result: RunResult | BatonError): Promise<Outcome> {
  if (result instanceof BatonError) {
    const { detail, where } = result.options;
    const fix = result.options.fix ?? result.spec.fix;
    return {
      error: runFailed(`${detail} (${result.code})`, {
        where,
        why: result.options.why ?? result.spec.why,
        fix,
      }),
    };
  }
  const config = await cli.config();
  const links = { temporal: temporalLink(config, result.id), gateway: config.gateway.publicUrl };
  const data = runDocument(result, links);
  const shown = one(data, (style) => `${summaryLines(result, links, style).join('\n')}\n`);
  if (result.state === 'failed' || result.state === 'cancelled') {
    const { error } = result;
    const detail = `Run ${shortRunId(result.id)} of ${result.pipeline} was ${result.state === 'failed' ? 'not completed' : 'cancelled'}`;
    const reason = error === null ? '.' : `: ${error.detail} (${error.code})`;
    return { result: shown, error: runFailed(`${detail}${reason}`, error ?? {}) };
  }
  if (result.state !== 'skipped') return { result: shown };
  const detail = `Run ${shortRunId(result.id)} was skipped: its logical time belongs to another execution.`;
  return { result: shown, error: new BatonError('ERR_RUN_TAKEN', { detail }) };
}

function runFailed(
  detail: string,
  more: { readonly where?: string | undefined; readonly why?: string; readonly fix?: string },
): BatonError {
  return new BatonError('ERR_RUN_FAILED', {
    detail,
    ...(more.where === undefined ? {} : { where: more.where }),
    ...(more.why === undefined ? {} : { why: more.why }),
    ...(more.fix === undefined ? {} : { fix: more.fix }),
  });
}

interface Links {
  readonly temporal: string;
  readonly gateway: string;
}

function runDocument(result: RunResult, links: Links) {
  const { id, pipeline, state, durationMs, receipt, tickets, error } = result;
  return {
    run: { id, shortId: shortRunId(id), pipeline, state, durationMs },
    receipt,
    tickets,
    error,
    links,
  };
}

function summaryLines(result: RunResult, links: Links, style: Style): readonly string[] {
  const { id, pipeline, state, durationMs, receipt, tickets } = result;
  const good = state === 'succeeded' || state === 'partial';
  const icon = good ? style.green('✓') : style.red('✗');
  const short = shortRunId(id);
  const next = [
    `baton runs show ${short}`,
    `baton runs verify ${short}`,
    ...(receipt.quarantined > 0 ? [`baton quarantine list --run ${short}`] : []),
  ];
  return [
    `${icon} ${style.bold(pipeline)} ${state} in ${formatSeconds(durationMs)}   run ${short}`,
    ...receiptLines(receipt, tickets, style),
    `  ${style.dim('story   ')}  ${links.temporal}`,
    style.dim(`  next: ${next.join(' · ')}`),
  ];
}
