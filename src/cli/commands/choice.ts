import { BatonError } from '../../protocol/errors.js';
import type { Options } from '../context.js';

/** The value of an option that takes one of a few; undefined when it was not given. Throws ERR_USAGE, naming them. */
export function choice<T extends string>(options: Options, name: string, among: readonly T[]): T | undefined {
  const given = options[name];
  if (given === undefined) return undefined;
  const found = among.find((one) => one === given);
  if (found !== undefined) return found;
  throw new BatonError('ERR_USAGE', {
    detail: `--${name} ${String(given)} is not one of ${among.join(', ')}.`,
  });
}
