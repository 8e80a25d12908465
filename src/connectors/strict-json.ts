import { isUtf8 } from 'node:buffer';
import { BatonError } from '../protocol/errors.js';

/** Deeper than any sender's documents, shallower than what costs anything. */
const mostLevels = 100;

/** One token of a document that is known to be JSON: a string, a bare value, or a mark. */
const token = /"(?:[^"\\]|\\.)*"|[-+.\w]+|[[\]{},:]/gs;

/** Half of a surrogate pair. */
const lone = /\p{Surrogate}/u;

interface Level {
  /** The names so far, in an object; null in an array. */
  readonly names: Set<string> | null;
  /** The member or element that is being read. */
  at: string | number;
}

/**
 * Parses a body in which everybody reads the same: two parsers may differ over a name that comes twice, over a number
 * that is no number any more, over half a character, and over what a document may do to the objects that hold it. Throws
 * ERR_EVENT_CONTENT with the place and the reason: not UTF-8, not JSON, a name twice, `__proto__`, a number beyond what
 * a double holds, a lone surrogate, nesting beyond 100.
 */
export function parseStrictJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw refused('', 'is not UTF-8');
  const text = body.toString('utf8');
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw refused('', `is not JSON: ${(error as Error).message.slice(0, 120)}`);
  }
  check(text);
  return content;
}

/** What JSON.parse lets pass, and we do not. */
function check(text: string): void {
  const levels: Level[] = [];
  let wantsName = false;
  for (const [found] of text.matchAll(token)) {
    const level = levels.at(-1);
    switch (found) {
      case '{':
      case '[':
        levels.push({ names: found === '{' ? new Set() : null, at: 0 });
        if (levels.length > mostLevels) throw refused('', `is nested deeper than ${mostLevels}`);
        wantsName = found === '{';
        break;
      case '}':
      case ']':
        levels.pop();
        wantsName = false;
        break;
      case ',':
        wantsName = level?.names != null;
        if (typeof level?.at === 'number') level.at += 1;
        break;
      case ':':
        wantsName = false;
        break;
      default:
        if (wantsName && level?.names != null) takeName(levels, level, level.names, found);
        else checkValue(levels, found);
    }
  }
}

function takeName(levels: readonly Level[], level: Level, names: Set<string>, found: string): void {
  const name = textOf(found);
  level.at = name;
  if (lone.test(name)) throw refused(pathOf(levels.slice(0, -1)), 'has a name with half a character');
  if (names.has(name)) throw refused(pathOf(levels), 'comes twice');
  if (name === '__proto__') throw refused(pathOf(levels), 'is a name that is not taken');
  names.add(name);
}

function checkValue(levels: readonly Level[], found: string): void {
  if (found.startsWith('"')) {
    if (lone.test(textOf(found))) throw refused(pathOf(levels), 'holds half a character (a lone surrogate)');
  } else if (/^-?\d/.test(found) && !Number.isFinite(Number(found)))
    throw refused(pathOf(levels), 'is a number too large to be held');
}

function textOf(found: string): string {
  return found.includes('\\') ? (JSON.parse(found) as string) : found.slice(1, -1);
}

function pathOf(levels: readonly Level[]): string {
  return levels.map(({ at }) => at).join('.');
}

function refused(path: string, reason: string): BatonError {
  const what = path === '' ? 'The body' : `The body’s “${path.slice(0, 200)}”`;
  return new BatonError('ERR_EVENT_CONTENT', { detail: `${what} ${reason}.` });
}
