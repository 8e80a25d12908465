import type { Command, CommanderError } from 'commander';
import { closest } from '../config/closest.js';
import { BatonError } from '../protocol/errors.js';

/** commander's complaint in our words, with what was probably meant. */
export function usageError(error: CommanderError, program: Command, args: readonly string[]): BatonError {
  if (error.code === 'commander.unknownCommand' || error.code === 'commander.excessArguments') {
    const suggestion = suggestCommand(program, args);
    if (error.code === 'commander.unknownCommand') return unknownCommand(args, suggestion);
  }
  const [first = '', hint] = error.message.replace(/^error: /, '').split('\n');
  const detail = `${first.charAt(0).toUpperCase()}${first.slice(1)}.`.replace(/\.\.$/, '.');
  const meant = hint === undefined ? '' : ` ${hint.replace(/^\(|\)$/g, '')}`;
  const words = wordsOf(args);
  const known = commandPaths(program).findLast((path) => words.join(' ').startsWith(path));
  return new BatonError('ERR_USAGE', {
    detail: `${detail}${meant}`,
    fix: `See: baton ${known === undefined ? '' : `${known} `}--help`,
  });
}

function unknownCommand(args: readonly string[], suggestion: string | null): BatonError {
  const words = wordsOf(args).slice(0, 2).join(' ');
  return new BatonError('ERR_USAGE', {
    detail: `Unknown command "${words}".${suggestion === null ? '' : ` Did you mean "${suggestion}"?`}`,
    fix: suggestion === null ? 'See: baton --help' : `baton ${suggestion}`,
  });
}

/** The command whose words are nearest to what was typed: `pipline lst` is compared as a whole, then by words. */
export function suggestCommand(program: Command, args: readonly string[]): string | null {
  const words = wordsOf(args).slice(0, 2);
  const paths = commandPaths(program);
  const whole = closest(words.join(' '), paths);
  if (whole !== null) return whole;
  const [first = '', second] = words;
  const top = closest(first, [...new Set(paths.map((path) => path.split(' ')[0] ?? ''))]);
  if (top === null || second === undefined) return top;
  const verbs = paths.filter((path) => path.startsWith(`${top} `)).map((path) => path.slice(top.length + 1));
  const verb = closest(second, verbs);
  return verb === null ? top : `${top} ${verb}`;
}

function wordsOf(args: readonly string[]): readonly string[] {
  return args.filter((arg) => !arg.startsWith('-'));
}

/** `runs list`, `run`, … with the aliases of groups. */
export function commandPaths(program: Command): readonly string[] {
  return program.commands.flatMap((command) => {
    const names = [command.name(), ...command.aliases()];
    if (command.commands.length === 0) return names;
    return names.flatMap((name) => command.commands.map((child) => `${name} ${child.name()}`));
  });
}
