import {
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLParseError,
} from 'yaml';
import type { Path, Problem } from './problems.js';

/** A plain tree: what YAML and the environment make together, before validation. */
export type Tree = Record<string, unknown>;

export interface ParsedDocument {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
  /** Where the value at a path stands, or the nearest that contains it. */
  valueAt(path: Path): Position;
  /** Where a key stands, for keys that should not be there. */
  keyAt(path: Path): Position;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

const start: Position = { line: 1, column: 1 };

/** Parses baton.yaml and remembers where everything stands. Syntax errors become problems. */
export function parseConfigDocument(text: string, fileName: string): ParsedDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const at = (offset: number | undefined): Position => {
    if (offset === undefined) return start;
    const { line, col } = lines.linePos(offset);
    return line === 0 ? start : { line, column: col };
  };
  const problem = (position: Position, message: string): Problem => ({
    path: '',
    message,
    where: `${fileName}:${position.line}:${position.column}`,
    position,
  });
  const syntax = tellable(document.errors).map(({ pos, code }) => problem(at(pos[0]), syntaxMessage(code)));
  const root: unknown = syntax.length > 0 ? {} : document.toJS({ maxAliasCount: 100 });
  const isTree = root !== null && typeof root === 'object' && !Array.isArray(root);
  if (!isTree && root !== null) syntax.push(problem(start, 'must hold sections such as "connections:"'));
  const contents = document.contents as Node | null;
  return {
    tree: isTree ? (root as Tree) : {},
    problems: syntax,
    valueAt: (path) => at(offsetOf(contents, path, 'value')),
    keyAt: (path) => at(offsetOf(contents, path, 'key')),
  };
}

/** What follows a first mistake mostly comes from it; that a key stands twice is always one of its own. */
function tellable(errors: readonly YAMLParseError[]): readonly YAMLParseError[] {
  const first = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  return errors.filter((error) => error === first || error.code === 'DUPLICATE_KEY');
}

/** The library's own messages may quote the text, which may be a secret: only its code is used. */
function syntaxMessage(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key stands here twice';
  if (code === 'BAD_INDENT') return 'the indentation does not fit the lines around it';
  if (code === 'TAB_AS_INDENT') return 'YAML is indented with spaces, not tabs';
  return `this is not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}

/** Offset of the value (or of its key) at the path; of the deepest existing ancestor when there is none. */
function offsetOf(contents: Node | null, path: Path, want: 'key' | 'value'): number | undefined {
  let node: unknown = contents;
  let offset = contents?.range?.[0];
  for (const [index, segment] of path.entries()) {
    const last = index === path.length - 1;
    const pair = isMap(node) ? node.items.find((item) => keyText(item.key) === String(segment)) : undefined;
    const value: unknown =
      pair !== undefined ? pair.value : isCollection(node) ? node.get(segment, true) : null;
    if (pair === undefined && !isNode(value)) return offset;
    const key = pair !== undefined && isNode(pair.key) ? pair.key.range?.[0] : undefined;
    const start = isNode(value) ? value.range?.[0] : undefined;
    offset = last && want === 'value' ? (start ?? key) : (key ?? start);
    node = value;
  }
  return offset;
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}
