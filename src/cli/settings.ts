import { parseDuration } from '../config/duration.js';
import { BatonError } from '../protocol/errors.js';

export const outputModes = ['pretty', 'json', 'ndjson', 'yaml', 'tsv'] as const;
export type OutputMode = (typeof outputModes)[number];

/** The global flags, as given. */
export interface GlobalFlags {
  readonly output?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly debug?: boolean;
  /** False with --no-color. */
  readonly color?: boolean;
  readonly nonInteractive?: boolean;
  readonly timeout?: string;
  readonly limit?: string;
}

/** The global flags, checked, with what the environment and the terminal say. */
export interface Settings {
  readonly output: OutputMode;
  /** Whether stdout shows tables for a person: pretty, on a terminal. */
  readonly tables: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly debug: boolean;
  readonly colorOut: boolean;
  readonly colorErr: boolean;
  /** Whether stderr may be redrawn. */
  readonly live: boolean;
  readonly timeoutMs: number | null;
  readonly limit: number;
}

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export type Variables = Readonly<Record<string, string | undefined>>;

export function readSettings(
  flags: GlobalFlags,
  env: Variables,
  stdout: Terminal,
  stderr: Terminal,
): Settings {
  const output = flags.json ? 'json' : outputMode(flags.output ?? 'pretty');
  const live = stderr.isTTY === true && !flags.nonInteractive && !env['CI'] && env['TERM'] !== 'dumb';
  return {
    output,
    tables: output === 'pretty' && stdout.isTTY === true,
    quiet: flags.quiet ?? false,
    verbose: flags.verbose ?? false,
    debug: flags.debug ?? false,
    colorOut: wantsColor(flags, env, stdout),
    colorErr: wantsColor(flags, env, stderr),
    live,
    timeoutMs: flags.timeout === undefined ? null : timeout(flags.timeout),
    limit: flags.limit === undefined ? 20 : limit(flags.limit),
  };
}

/** `--no-color` and NO_COLOR win over FORCE_COLOR, which wins over what the terminal is. */
function wantsColor(flags: GlobalFlags, env: Variables, stream: Terminal): boolean {
  if (flags.color === false || env['NO_COLOR']) return false;
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true;
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

function outputMode(value: string): OutputMode {
  const mode = outputModes.find((known) => known === value);
  if (mode !== undefined) return mode;
  throw new BatonError('ERR_USAGE', { detail: `--output ${value} is not one of ${outputModes.join(', ')}.` });
}

function timeout(value: string): number {
  const milliseconds = parseDuration(value);
  if (milliseconds !== null && milliseconds > 0) return milliseconds;
  throw new BatonError('ERR_USAGE', { detail: `--timeout ${value} is no duration such as 30s or 5m.` });
}

function limit(value: string): number {
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value);
  throw new BatonError('ERR_USAGE', { detail: `--limit ${value} is no number from 1 to 99999.` });
}
