import { type Command, CommanderError } from 'commander';
import { Cli, type CommandLineIo, type Outcome } from './context.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { buildProgram } from './program.js';
import { asBatonError, renderFailure, renderFailureDocument } from './render/failure.js';
import { renderResult } from './render/result.js';
import { type GlobalFlags, readSettings, type Settings } from './settings.js';
import { usageError } from './usage.js';

/** Runs one command line to its end and answers its exit code. Never throws. */
export async function runCommandLine(args: readonly string[], io: CommandLineIo): Promise<number> {
  quietPipes(io);
  let exitCode: number = exitCodes.ok.code;
  const program = prepare(
    buildProgram(async (load, rest, options) => {
      const cli = new Cli(io, readSettings(options as GlobalFlags, io.env, io.stdout, io.stderr));
      try {
        exitCode = finish(await (await load())(cli, rest, options), cli);
      } catch (error) {
        exitCode = finish({ error: asBatonError(error) }, cli);
      } finally {
        await soon(cli.close());
      }
    }),
    io,
  );
  try {
    if (args.length === 0) throw new CommanderError(0, 'commander.help', '(outputHelp)');
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    return finishUsage(error, program, args, io);
  }
  return exitCode;
}

/** Prints what a command came to; the only place where stdout is written. */
function finish({ result, error, exitCode }: Outcome, cli: Cli): number {
  const { io, settings } = cli;
  const columns = io.stdout.columns ?? 120;
  if (error === undefined) {
    if (result !== undefined) io.stdout.write(renderResult(result, settings, columns));
    if (result?.kind === 'list' && result.items.length === 0 && settings.output === 'pretty')
      cli.note(result.empty);
    return exitCode ?? exitCodes.ok.code;
  }
  const machine = settings.output !== 'pretty' && settings.output !== 'tsv';
  if (result !== undefined && !machine) io.stdout.write(renderResult(result, settings, columns));
  io.stdout.write(renderFailureDocument(error, settings, dataOf(result)));
  io.stderr.write(renderFailure(error, settings, io.stderr.columns ?? 100));
  return exitCode ?? exitCodeOf(error);
}

function dataOf(result: Outcome['result']): unknown {
  if (result === undefined) return undefined;
  if (result.kind === 'one') return result.data;
  const { data, items } = result;
  return data === undefined ? items : items.map((item) => data(item));
}

function prepare(program: Command, io: CommandLineIo): Command {
  const all = [program, ...program.commands, ...program.commands.flatMap((command) => command.commands)];
  for (const command of all) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 100,
    });
  }
  return program;
}

function finishUsage(error: unknown, program: Command, args: readonly string[], io: CommandLineIo): number {
  const settings = safeSettings(args, io);
  if (!(error instanceof CommanderError))
    return finish({ error: asBatonError(error) }, new Cli(io, settings));
  if (error.code === 'commander.helpDisplayed') return exitCodes.ok.code;
  if (error.code === 'commander.help') {
    // A bare `baton` asks for help; a bare `baton runs` lacks its verb.
    const group = program.commands.find((command) =>
      [command.name(), ...command.aliases()].includes(args[0] ?? ''),
    );
    (group === undefined ? io.stdout : io.stderr).write((group ?? program).helpInformation());
    return (group === undefined ? exitCodes.ok : exitCodes.usage).code;
  }
  return finish({ error: usageError(error, program, args) }, new Cli(io, settings));
}

/** Settings as far as they can be read from words that were not understood. */
function safeSettings(args: readonly string[], io: CommandLineIo): Settings {
  const has = (...flags: readonly string[]): boolean => flags.some((flag) => args.includes(flag));
  const json = has('--json', '--output=json') || /(?:^| )(?:-o|--output) json(?: |$)/.test(args.join(' '));
  const flags = { json, debug: has('--debug'), color: !has('--no-color'), quiet: has('-q', '--quiet') };
  return readSettings(flags, io.env, io.stdout, io.stderr);
}

/** A reader that went away (`| head`) ends the command without a word. */
function quietPipes(io: CommandLineIo): void {
  for (const stream of [io.stdout, io.stderr] as Partial<NodeJS.WriteStream>[]) {
    stream.on?.('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? exitCodes.ok.code : exitCodes.failed.code);
    });
  }
}

/** Closing politely must not keep a finished command alive. */
async function soon(closing: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 150);
  });
  await Promise.race([closing, patience]);
  clearTimeout(timer);
}
