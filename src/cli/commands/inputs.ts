import { BatonError } from '../../protocol/errors.js';

/** `-i key=value`, each key once. */
export function readInputs(pairs: readonly string[]): Readonly<Record<string, string>> {
  const inputs: Record<string, string> = {};
  for (const pair of pairs) {
    const [, key, value] = /^([A-Za-z][A-Za-z0-9_.-]*)=([\s\S]*)$/.exec(pair) ?? [];
    if (key === undefined || value === undefined) {
      throw new BatonError('ERR_USAGE', { detail: 'An input is written -i key=value.' });
    }
    if (Object.hasOwn(inputs, key))
      throw new BatonError('ERR_USAGE', { detail: `The input ${key} is given twice.` });
    inputs[key] = value;
  }
  return inputs;
}
