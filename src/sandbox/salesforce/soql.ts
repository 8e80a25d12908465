import type { SalesforceRecord } from '../seed/accounts.js';

/** A query that the vendor would refuse with this error code. */
export class SoqlRefused extends Error {
  readonly errorCode: string;

  constructor(errorCode: string, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

type Value = string | number | boolean | null;
type Condition = (record: SalesforceRecord) => boolean;

export interface SoqlQuery {
  /** Null for `COUNT()`. */
  readonly fields: readonly string[] | null;
  readonly object: string;
  readonly where: Condition;
  readonly orderBy: readonly { readonly field: string; readonly descending: boolean }[];
  readonly limit: number | null;
  readonly offset: number;
  /** Every field the query names, for the check against the object. */
  readonly named: readonly string[];
}

const token =
  /\s*('(?:[^'\\]|\\.)*'|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?|-?\d+(?:\.\d+)?|[A-Za-z_][\w.]*|<=|>=|!=|<>|[=<>(),])/y;

function tokenize(text: string): string[] {
  const found: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < text.trimEnd().length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null)
      throw new SoqlRefused('MALFORMED_QUERY', `unexpected token: '${text.slice(at, at + 20).trim()}'`);
    found.push(match[1] ?? '');
  }
  return found;
}

/** A time as the number of its milliseconds; anything else unchanged. Records write `+0000`, queries `Z`. */
function comparable(value: Value): Value {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d(T|$)/.test(value)) return value;
  return Date.parse(value.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
}

function compare(left: Value, right: Value): number {
  const [a, b] = [comparable(left), comparable(right)];
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  return a < b ? -1 : 1;
}

const comparisons: Readonly<Record<string, (left: Value, right: Value) => boolean>> = {
  '=': (left, right) => compare(left, right) === 0,
  '!=': (left, right) => compare(left, right) !== 0,
  '<>': (left, right) => compare(left, right) !== 0,
  '<': (left, right) => left !== null && compare(left, right) < 0,
  '>': (left, right) => left !== null && compare(left, right) > 0,
  '<=': (left, right) => left !== null && compare(left, right) <= 0,
  '>=': (left, right) => left !== null && compare(left, right) >= 0,
};

function like(pattern: string): (value: Value) => boolean {
  const source = pattern
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');
  const regexp = new RegExp(`^${source}$`, 'i');
  return (value) => typeof value === 'string' && regexp.test(value);
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;
  readonly named: string[] = [];

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  parse(): SoqlQuery {
    this.#expect('SELECT');
    const fields = this.#fields();
    this.#expect('FROM');
    const object = this.#next();
    const where = this.#accept('WHERE') ? this.#or() : () => true;
    const orderBy = this.#accept('ORDER') ? this.#orderBy() : [];
    const limit = this.#accept('LIMIT') ? this.#whole() : null;
    const offset = this.#accept('OFFSET') ? this.#whole() : 0;
    if (this.#at < this.#tokens.length) this.#fail();
    return { fields, object, where, orderBy, limit, offset, named: this.named };
  }

  #fields(): string[] | null {
    if (this.#accept('COUNT')) {
      this.#expect('(');
      this.#expect(')');
      return null;
    }
    const fields = [this.#field()];
    while (this.#accept(',')) fields.push(this.#field());
    return fields;
  }

  #orderBy(): { field: string; descending: boolean }[] {
    this.#expect('BY');
    const list: { field: string; descending: boolean }[] = [];
    do {
      const field = this.#field();
      const descending = this.#accept('DESC');
      if (!descending) this.#accept('ASC');
      list.push({ field, descending });
    } while (this.#accept(','));
    return list;
  }

  #or(): Condition {
    let left = this.#and();
    while (this.#accept('OR')) {
      const [a, b] = [left, this.#and()];
      left = (record) => a(record) || b(record);
    }
    return left;
  }

  #and(): Condition {
    let left = this.#not();
    while (this.#accept('AND')) {
      const [a, b] = [left, this.#not()];
      left = (record) => a(record) && b(record);
    }
    return left;
  }

  #not(): Condition {
    if (this.#accept('NOT')) {
      const inner = this.#not();
      return (record) => !inner(record);
    }
    if (!this.#accept('(')) return this.#comparison();
    const inner = this.#or();
    this.#expect(')');
    return inner;
  }

  #comparison(): Condition {
    const field = this.#field();
    const negated = this.#accept('NOT');
    if (this.#accept('IN')) {
      const list = this.#list();
      return (record) => list.some((one) => compare(record[field] ?? null, one) === 0) !== negated;
    }
    if (negated) this.#fail();
    if (this.#accept('LIKE')) {
      const matches = like(String(this.#literal()));
      return (record) => matches(record[field] ?? null);
    }
    const test = comparisons[this.#next()];
    if (test === undefined) throw new SoqlRefused('MALFORMED_QUERY', `unexpected token after ${field}`);
    const right = this.#literal();
    return (record) => test(record[field] ?? null, right);
  }

  #list(): Value[] {
    this.#expect('(');
    const list = [this.#literal()];
    while (this.#accept(',')) list.push(this.#literal());
    this.#expect(')');
    return list;
  }

  #literal(): Value {
    const text = this.#next();
    if (text.startsWith("'")) return text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
    if (/^\d{4}-/.test(text)) return text;
    if (/^-?\d/.test(text)) return Number(text);
    const word = text.toLowerCase();
    if (word === 'null') return null;
    if (word === 'true' || word === 'false') return word === 'true';
    throw new SoqlRefused('MALFORMED_QUERY', `unexpected token: '${text}'`);
  }

  #field(): string {
    const name = this.#next();
    if (!/^[A-Za-z_][\w.]*$/.test(name))
      throw new SoqlRefused('MALFORMED_QUERY', `unexpected token: '${name}'`);
    this.named.push(name);
    return name;
  }

  #whole(): number {
    const text = this.#next();
    if (!/^\d+$/.test(text)) throw new SoqlRefused('MALFORMED_QUERY', `unexpected token: '${text}'`);
    return Number(text);
  }

  #next(): string {
    const text = this.#tokens[this.#at];
    if (text === undefined) throw new SoqlRefused('MALFORMED_QUERY', 'unexpected end of query');
    this.#at += 1;
    return text;
  }

  #accept(word: string): boolean {
    const found = this.#tokens[this.#at]?.toUpperCase() === word;
    if (found) this.#at += 1;
    return found;
  }

  #expect(word: string): void {
    if (!this.#accept(word)) this.#fail();
  }

  #fail(): never {
    throw new SoqlRefused('MALFORMED_QUERY', `unexpected token: '${this.#tokens[this.#at] ?? '<EOF>'}'`);
  }
}

export function parseSoql(text: string): SoqlQuery {
  return new Parser(text).parse();
}

/** The rows of a query over these records, in order, before the projection. */
export function runSoql(query: SoqlQuery, records: readonly SalesforceRecord[]): readonly SalesforceRecord[] {
  const found = records.filter(query.where);
  found.sort((a, b) => {
    for (const { field, descending } of query.orderBy) {
      const difference = compare(a[field] ?? null, b[field] ?? null);
      if (difference !== 0) return descending ? -difference : difference;
    }
    return 0;
  });
  return found.slice(query.offset, query.limit === null ? undefined : query.offset + query.limit);
}
