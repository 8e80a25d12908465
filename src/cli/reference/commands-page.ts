import type { Argument, Command, Option } from 'commander';
import { pipelineInputs } from '../../config/inputs.js';
import { exitCodes } from '../exit-codes.js';
import { buildProgram } from '../program.js';

/** docs/reference/cli.md, from the tree of commands. */
export function commandsPage(): string {
  const program = buildProgram(async () => {});
  const commands = program.commands.flatMap((command) =>
    command.commands.length === 0 ? [command] : command.commands,
  );
  return [
    '# The command line',
    '',
    'Generated from the program itself by `npm run docs`; `baton help <command>` says the same.',
    '',
    'In a clone every command is called as `npx baton …`. The result is on stdout and everything else on stderr;',
    'in a pipe, lists are tab-separated. `--json` prints exactly one document, also on failure:',
    '`{"v":1,"ok":true,"data":…,"page":{"next":null},"warnings":[]}` or `{"v":1,"ok":false,"error":{…}}`.',
    '',
    '## Commands',
    '',
    '| Command | |',
    '|---|---|',
    ...commands.map(
      (command) => `| [\`baton ${usage(command)}\`](#${anchor(command)}) | ${command.description()} |`,
    ),
    '',
    '## Flags of every command',
    '',
    ...optionTable(program.options),
    '',
    ...commands.flatMap(section),
    '## Inputs of a run',
    '',
    '`baton run <pipeline> -i threshold=5000 -i tolerance.absolute=0.05` sets them for that run only, and so do the',
    '`inputs` of the client library; runs of a schedule have none. They are written and checked like the settings',
    'of the same name in `baton.yaml`. An unknown one, or a value that is not acceptable, is refused before',
    'anything is done. What would write to other tables or accounts, such as `source`, is no input.',
    '',
    'What such a run reads and checks is judged by its inputs. A later run judges it again when it changes or a',
    'discrepancy of it is still open; `--full-refresh` reads everything again.',
    '',
    '| Input | Example | |',
    '|---|---|---|',
    ...pipelineInputs().map(
      ({ name, description, example }) => `| \`${name}\` | \`-i ${name}=${example}\` | ${description} |`,
    ),
    '',
    '## Exit codes',
    '',
    '| Code | Meaning |',
    '|---|---|',
    ...Object.values(exitCodes).map(({ code, meaning }) => `| ${code} | ${meaning} |`),
    '',
  ].join('\n');
}

function section(command: Command): readonly string[] {
  const alias = command.parent?.aliases()[0];
  return [
    `## baton ${path(command)}`,
    '',
    `\`baton ${usage(command)}\`: ${command.description()}.`,
    ...(alias === undefined ? [] : ['', `Also \`baton ${alias} ${command.name()}\`.`]),
    '',
    ...(command.options.length === 0 ? [] : [...optionTable(command.options), '']),
  ];
}

function optionTable(options: readonly Option[]): readonly string[] {
  const rows = options.map((option) => {
    const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(', ')})`;
    const plain =
      typeof option.defaultValue === 'string' ? `; \`${option.defaultValue}\` when not given` : '';
    return `| \`${option.flags.replaceAll('|', '\\|')}\` | ${option.description}${choices}${plain} |`;
  });
  return ['| Flag | |', '|---|---|', ...rows];
}

function usage(command: Command): string {
  return [path(command), ...command.registeredArguments.map(argument)].join(' ');
}

function argument(each: Argument): string {
  const name = `${each.name()}${each.variadic ? '…' : ''}`;
  return each.required ? `<${name}>` : `[${name}]`;
}

function path(command: Command): string {
  const parent = command.parent;
  return parent === null || parent.parent === null ? command.name() : `${parent.name()} ${command.name()}`;
}

function anchor(command: Command): string {
  return `baton-${path(command).replaceAll(' ', '-')}`;
}
