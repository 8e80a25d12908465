import { stringify } from 'yaml';
import { configProblems } from '../../config/problems.js';
import { BatonError, describeError } from '../../protocol/errors.js';
import type { Settings } from '../settings.js';
import { createStyle, type Style } from './style.js';

const mostProblems = 20;

/** Whatever was thrown, as an error of the catalogue. */
export function asBatonError(error: unknown): BatonError {
  if (error instanceof BatonError) return error;
  const words = error instanceof Error ? error.message : String(error);
  return new BatonError('ERR_INTERNAL', { detail: words.split('\n')[0] ?? '', cause: error });
}

/** For stdout of the JSON modes: exactly one document, also on failure. Empty in the other modes. */
export function renderFailureDocument(error: BatonError, settings: Settings, data?: unknown): string {
  const document = { v: 1, ok: false, error: errorView(error), ...(data === undefined ? {} : { data }) };
  if (settings.output === 'json' || settings.output === 'ndjson') return `${JSON.stringify(document)}\n`;
  return settings.output === 'yaml' ? stringify(document, { lineWidth: 0 }) : '';
}

function errorView(error: BatonError) {
  const { code, title, detail, where, why, fix, retryable } = describeError(error);
  const problems = configProblems(error);
  return {
    code,
    title,
    detail,
    why,
    hint: fix,
    docs_url: `docs/reference/errors.md#${code.toLowerCase()}`,
    location: where === undefined ? null : location(where),
    retryable,
    ...(problems.length === 0 ? {} : { problems }),
  };
}

/** `baton.yaml:14:17` in its parts; anything else as a place in words. */
function location(where: string) {
  const [, file, line, column] = /^(.+):(\d+):(\d+)$/.exec(where) ?? [];
  return file === undefined
    ? { file: null, line: null, column: null, place: where }
    : { file, line: Number(line), column: Number(column), place: where };
}

/** The four lines on stderr: what, where, why, how to mend it. */
export function renderFailure(error: BatonError, settings: Settings, columns: number): string {
  const style = createStyle(settings.colorErr);
  const view = describeError(error);
  const problems = configProblems(error);
  const headline = problems.length > 0 ? (view.detail.split('\n')[0] ?? '') : view.detail;
  const lines = [
    withCode(`${style.red('✗')} ${style.bold(headline)}`, headline.length + 2, view.code, columns, style),
    ...problems
      .slice(0, mostProblems)
      .map(({ where, path, message }) => `  ${where}  ${style.bold(path)} ${message}`),
    ...(problems.length > mostProblems ? [`  … and ${problems.length - mostProblems} more`] : []),
    ...(view.where === undefined || problems.length > 0 ? [] : [field('Where', view.where, style)]),
    field('Why', view.why, style),
    `${field('Fix', view.fix, style)}        ${style.dim(`Docs: baton help ${view.code}`)}`,
  ];
  const trace = settings.debug ? `${style.dim(traceOf(error))}\n` : '';
  return `${lines.join('\n')}\n${trace}`;
}

function withCode(line: string, length: number, code: string, columns: number, style: Style): string {
  const space = Math.max(4, Math.min(columns, 110) - length - code.length);
  return `${line}${' '.repeat(space)}${style.dim(code)}`;
}

function field(name: string, text: string, style: Style): string {
  return `  ${style.dim(name.padEnd(7))} ${text.replaceAll('\n', '\n          ')}`;
}

/** Stacks of the error and its causes: messages and places only, never the properties, which may hold headers. */
function traceOf(error: unknown): string {
  const stacks: string[] = [];
  for (let at: unknown = error; at instanceof Error && stacks.length < 5; at = at.cause) {
    stacks.push(at.stack ?? at.message);
  }
  return stacks.join('\ncaused by ');
}
