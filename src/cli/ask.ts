import os from 'node:os';
import { createInterface } from 'node:readline/promises';
import { BatonError } from '../protocol/errors.js';
import type { Cli, Options } from './context.js';

/**
 * Asks on the terminal before something that cannot be taken back; `--yes` answers for the person. Where nobody
 * can be asked it is a mistake of usage that names the flag, never a prompt that waits. Throws ERR_USAGE, also
 * when the answer is no.
 */
export async function confirm(cli: Cli, options: Options, question: string): Promise<void> {
  if (options['yes'] === true) return;
  if (!cli.settings.live || process.stdin.isTTY !== true)
    throw new BatonError('ERR_USAGE', {
      detail: `${question} Nobody can be asked here.`,
      fix: 'Say so with --yes.',
    });
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`${question} [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    asking.close();
  }
  throw new BatonError('ERR_USAGE', { detail: 'Nothing was done: the answer was no.' });
}

/** Who gives the command, for the record. */
export function person(): string {
  try {
    return os.userInfo().username;
  } catch {
    return 'unknown'; // an account without a name, as in some containers
  }
}
