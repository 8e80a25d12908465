import path from 'node:path';
import { loadConfig } from '../../config/index.js';
import type { BatonConfig } from '../../config/types.js';
import { type BatonError, describeError } from '../../protocol/errors.js';
import type { RunResult } from '../../protocol/run.js';
import { Cli, type Handler, type Outcome } from '../context.js';
import { exitCodeOf, exitCodes } from '../exit-codes.js';
import { asBatonError } from '../render/failure.js';
import { one } from '../render/result.js';
import { createStyle, formatSeconds } from '../render/style.js';
import { stackNeeds } from '../stack/needs.js';
import { builtPrograms, type Stack, startStack } from '../stack/supervisor.js';
import { ensureSchedules } from './ensure-schedules.js';
import { followRun, type Voice } from './follow.js';
import { temporalLink } from './links.js';
import { ticketWords } from './receipt.js';
import { Shutdown } from './shutdown.js';
import { storedProgress } from './stored-progress.js';

/** The pipeline that the demo shows. */
const mainPipeline = 'po_data_pipeline';
const tenant = 'default';

/**
 * The local stack, whole: starts it, runs the main pipeline once with a live tree, then serves until Ctrl-C.
 * With --once it stops after the run, whose result is the one line on stdout.
 */
export const dev: Handler = async (cli, _args, options) => {
  const once = options['once'] === true;
  const shutdown = new Shutdown((line) => cli.note(line));
  const voice: Voice = { say: (line) => cli.note(line) };
  let stack: Stack | undefined;
  try {
    stack = await begin(cli, once, shutdown, voice);
    const session = new Session(cli, stack, shutdown, voice);
    return once ? await session.once() : await session.serve();
  } catch (error) {
    if (shutdown.requested) return { exitCode: exitCodes.interrupted.code };
    return failed(asBatonError(error), once);
  } finally {
    await stack?.stop();
    shutdown.done();
  }
};

async function begin(cli: Cli, once: boolean, shutdown: Shutdown, voice: Voice): Promise<Stack> {
  const { io, settings } = cli;
  const config = loadConfig({ cwd: io.cwd, env: io.env });
  const style = createStyle(settings.colorErr);
  cli.note(
    `${style.bold('Baton')}  starting the local stack (state in ${path.relative(io.cwd, config.home) || '.'})`,
  );
  const stack = await startStack({
    root: config.root,
    home: config.home,
    dist: builtPrograms(),
    env: { ...io.env, BATON_CONFIG: config.file },
    needs: stackNeeds(config),
    wantedPorts: { gateway: config.gateway.port },
    live: !once,
    signal: shutdown.signal,
    say: (line) => voice.say(`  ${style.yellow('!')} ${line}`),
    ready: (part, milliseconds) =>
      cli.note(`  ${style.green('✓')} ${part.padEnd(16)}${style.dim(formatSeconds(milliseconds))}`),
  });
  shutdown.attach(stack);
  return stack;
}

/** What happens while the stack serves. Its configuration is read anew: ports may have moved. */
class Session {
  readonly #cli: Cli;
  readonly #stack: Stack;
  readonly #shutdown: Shutdown;
  readonly #voice: Voice;

  constructor(cli: Cli, stack: Stack, shutdown: Shutdown, voice: Voice) {
    this.#voice = voice;
    this.#cli = new Cli(cli.io, cli.settings);
    cli.onClose(() => this.#cli.close());
    this.#stack = stack;
    this.#shutdown = shutdown;
  }

  async once(): Promise<Outcome> {
    const result = await this.#run();
    const config = await this.#cli.config();
    const document = { ...runDocument(result), links: this.#links(config, result.id) };
    const shown = one(document, () => `${JSON.stringify(document)}\n`);
    return { result: shown, exitCode: document.ok ? exitCodes.ok.code : exitCodes.failed.code };
  }

  async serve(): Promise<Outcome> {
    const result = await this.#run();
    await this.#schedule();
    this.#invite(await this.#cli.config(), result);
    await this.#shutdown.whenRequested;
    return {};
  }

  async #run(): Promise<RunResult> {
    const client = await this.#cli.client();
    const logicalTime = new Date();
    const { id } = await client.startPipeline({
      pipeline: mainPipeline,
      tenant,
      logicalTime,
      trigger: 'manual',
    });
    const watching = client.watchRun(id, {
      intervalMs: 300,
      signal: this.#shutdown.signal,
      read: storedProgress(this.#cli, id),
    });
    await followRun(this.#cli, watching, id, this.#voice);
    this.#shutdown.signal.throwIfAborted();
    return client.runResult(id);
  }

  async #schedule(): Promise<void> {
    await ensureSchedules(await this.#cli.config(), await this.#cli.client());
  }

  #links(config: BatonConfig, runId: string) {
    const { landing, sandbox } = this.#stack.urls;
    return { console: landing, temporal: temporalLink(config, runId), sandbox };
  }

  #invite(config: BatonConfig, result: RunResult): void {
    const note = (line: string) => this.#cli.note(line);
    const style = createStyle(this.#cli.settings.colorErr);
    const { state, durationMs, receipt, tickets } = result;
    const links = this.#links(config, result.id);
    const worker = this.#stack.parts().find(({ name }) => name === 'worker-data')?.pid;
    note(
      `\n${style.bold(state)} in ${formatSeconds(durationMs)}: ${receipt.read} read, ${receipt.loaded} loaded, ` +
        `${receipt.quarantined} quarantined; tickets: ${ticketWords(tickets)}`,
    );
    note(`\n  Console    ${links.console}\n  Temporal   ${links.temporal}\n  Sandboxes  ${links.sandbox}`);
    note(
      `\n  Try   npx baton runs show latest            what the last run did\n` +
        `        npx baton quarantine list             which orders were refused, and why\n` +
        `        kill -9 ${String(worker).padEnd(8)}                      a worker, in the middle of a run`,
    );
    note(
      style.dim(
        '\n  A run starts each minute while orders are added and changed. Ctrl-C stops everything.\n',
      ),
    );
  }
}

function runDocument({ id, pipeline, state, durationMs, receipt, tickets, error }: RunResult) {
  const ok = state === 'succeeded' || state === 'partial';
  return {
    ok,
    run: { id, pipeline, state, durationMs },
    receipt,
    tickets,
    ...(error === null ? {} : { error }),
  };
}

function failed(error: BatonError, once: boolean): Outcome {
  if (!once) return { error };
  const document = { ok: false, run: null, error: describeError(error) };
  const shown = one(document, () => `${JSON.stringify(document)}\n`);
  return { result: shown, error, exitCode: exitCodeOf(error) };
}
