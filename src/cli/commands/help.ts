import { closest } from '../../config/closest.js';
import { BatonError, catalogue, type ErrorName, type ErrorSpec } from '../../protocol/errors.js';
import type { Cli, Handler, Outcome } from '../context.js';
import { exitCodes } from '../exit-codes.js';
import { buildProgram } from '../program.js';
import { one } from '../render/result.js';

/** Help on a command, an error code, a run's inputs, or the exit codes; all of it works offline. */
export const help: Handler = async (cli, topics) => {
  const [first] = topics;
  if (first === undefined) return commandHelp(cli, []);
  if (first === 'exit-codes') return exitCodeHelp();
  if (first === 'inputs') return inputHelp();
  const error = findError(first);
  if (error !== null) return errorHelp(error.name, error.spec);
  return commandHelp(cli, topics);
};

function findError(topic: string): { name: ErrorName; spec: ErrorSpec } | null {
  const wanted = /^\d{4}$/.test(topic) ? `BTN-${topic}` : topic.toUpperCase();
  const found = Object.entries(catalogue).find(([name, spec]) => spec.code === wanted || name === wanted);
  if (found !== undefined) return { name: found[0] as ErrorName, spec: found[1] };
  if (!/^(btn-|err_|\d{3,5}$)/i.test(topic)) return null;
  const near = closest(
    wanted,
    Object.values(catalogue).map(({ code }) => code),
  );
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No error "${topic}".${near === null ? '' : ` Closest: ${near}.`}`,
    fix: 'See all: docs/reference/errors.md',
  });
}

function errorHelp(name: ErrorName, spec: ErrorSpec): Outcome {
  return {
    result: one({ name, ...spec }, (style) =>
      [
        `${style.bold(spec.code)}  ${spec.title}`,
        '',
        `  ${style.dim('Why  ')}  ${spec.why}`,
        `  ${style.dim('Fix  ')}  ${spec.fix}`,
        `  ${style.dim('Retry')}  ${spec.retryable ? 'Baton tries again by itself.' : 'Trying again does not help before it is mended.'}`,
        '',
      ].join('\n'),
    ),
  };
}

function exitCodeHelp(): Outcome {
  const codes = Object.values(exitCodes);
  const lines = codes.map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}\n`);
  return { result: one(codes, () => lines.join('')) };
}

async function inputHelp(): Promise<Outcome> {
  const { pipelineInputs } = await import('../../config/index.js');
  const inputs = pipelineInputs();
  const width = Math.max(...inputs.map(({ name }) => name.length));
  return {
    result: one(inputs, (style) =>
      [
        'baton run <pipeline> -i <input>=<value> sets it for one run; baton.yaml stays as it is.',
        '',
        ...inputs.map(
          ({ name, description, example }) =>
            `  ${style.bold(name.padEnd(width))}  ${description} ${style.dim(`-i ${name}=${example}`)}`,
        ),
        '',
      ].join('\n'),
    ),
  };
}

function commandHelp(cli: Cli, topics: readonly string[]): Outcome {
  let command = buildProgram(async () => {});
  for (const topic of topics) {
    const child = command.commands.find((each) => [each.name(), ...each.aliases()].includes(topic));
    if (child === undefined) throw unknownTopic(topics);
    command = child;
  }
  command.configureOutput({ getOutHelpWidth: () => cli.io.stdout.columns ?? 100 });
  const text = command.helpInformation();
  return { result: one({ help: text }, () => text) };
}

function unknownTopic(topics: readonly string[]): BatonError {
  const detail = `No help on "${topics.join(' ')}".`;
  return new BatonError('ERR_UNKNOWN_NAME', {
    detail,
    fix: 'Name a command, an error code (BTN-2005), inputs, or exit-codes.',
  });
}
