import { BatonError } from '../../protocol/errors.js';
import type { Handler } from '../context.js';
import { one } from '../render/result.js';
import type { Style } from '../render/style.js';
import { type DoctorResult, runDoctor } from '../stack/doctor.js';

/** Every check with its finding; fails when one does. */
export const doctor: Handler = async (cli) => {
  const checks = await runDoctor({ env: cli.io.env, cwd: cli.io.cwd });
  const failures = checks.filter(({ state }) => state === 'fail');
  const result = one({ ok: failures.length === 0, checks }, (style) => checkLines(checks, style));
  if (failures.length === 0) return { result };
  const names = failures.map(({ name }) => name).join(', ');
  const fix = failures[0]?.fix;
  return {
    result,
    error: new BatonError('ERR_CHECK_FAILED', {
      detail: `${failures.length} of ${checks.length} checks failed: ${names}.`,
      ...(fix === undefined ? {} : { fix }),
    }),
  };
};

function checkLines(checks: readonly DoctorResult[], style: Style): string {
  const icons = { ok: style.green('✓'), warn: style.yellow('!'), fail: style.red('✗'), skip: style.dim('–') };
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, detail, fix }) => [
    `${icons[state]} ${name.padEnd(width)}  ${detail}`,
    ...(fix === undefined ? [] : [`  ${' '.repeat(width)}  ${style.dim(`→ ${fix}`)}`]),
  ]);
  return `${lines.join('\n')}\n`;
}
