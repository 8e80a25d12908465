/**
 * Cuts a page of JSON into its records without parsing them, so that a record's bytes are the vendor's own:
 * unknown keys, key order, number spelling and escapes included. Only line breaks between tokens become
 * spaces, so that a record is one line. Structure is checked strictly (brackets, strings, commas, nothing
 * after the end), so that a page that was cut off or is no JSON throws; what lies inside a record is judged
 * by its mapper.
 */
export class JsonSplitError extends Error {
  override readonly name = 'JsonSplitError';
}

export interface SplitPage {
  /** One slice of the page each; they share its memory. */
  readonly records: readonly Buffer[];
  /** The other top-level members, parsed; empty for a bare array. */
  readonly envelope: ReadonlyMap<string, unknown>;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openArray = 0x5b;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;

/** Bytes that stop the scan between strings: brackets, quotes and line breaks. */
const structural = new Uint8Array(256);
for (const byte of [quote, openArray, closeArray, openObject, closeObject, newline, carriageReturn]) {
  structural[byte] = 1;
}
/** Bytes that stop the scan inside a string: its end, an escape, and what JSON forbids there. */
const inString = new Uint8Array(256);
inString.fill(1, 0, 0x20);
inString[quote] = 1;
inString[backslash] = 1;
/** Bytes that a bare value (number, true, false, null) can have. */
const inBare = new Uint8Array(256);
for (const byte of Buffer.from('+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'))
  inBare[byte] = 1;

/** Splits a bare array (`key` null) or the array under a top-level key. The buffer's line breaks are overwritten. */
export function splitArray(page: Buffer, key: string | null): SplitPage {
  const scanner = new Scanner(page);
  if (key === null) {
    const records = scanner.array();
    scanner.end();
    return { records, envelope: new Map() };
  }
  let records: readonly Buffer[] | null = null;
  const envelope = new Map<string, unknown>();
  scanner.object((name) => {
    if (name !== key) envelope.set(name, scanner.parsed());
    else if (records !== null) throw new JsonSplitError(`holds “${key}” twice`);
    else records = scanner.array();
  });
  scanner.end();
  if (records === null) throw new JsonSplitError(`holds no “${key}”`);
  return { records, envelope };
}

export interface SplitEntries {
  /** Key and raw value of each member, in order. */
  readonly entries: readonly (readonly [string, Buffer])[];
  readonly envelope: ReadonlyMap<string, unknown>;
}

/** Splits the object under a top-level key into its members: a series keyed by day. */
export function splitEntries(page: Buffer, key: string): SplitEntries {
  const scanner = new Scanner(page);
  const entries: (readonly [string, Buffer])[] = [];
  let found = false;
  const envelope = new Map<string, unknown>();
  scanner.object((name) => {
    if (name !== key) {
      envelope.set(name, scanner.parsed());
      return;
    }
    found = true;
    scanner.object((member) => void entries.push([member, scanner.value()]));
  });
  scanner.end();
  if (!found) throw new JsonSplitError(`holds no “${key}”`);
  return { entries, envelope };
}

class Scanner {
  readonly #page: Buffer;
  #at = 0;

  constructor(page: Buffer) {
    this.#page = page;
    this.#space();
    if (this.#at === page.length) throw new JsonSplitError('is empty');
  }

  /** Nothing but white space may follow. */
  end(): void {
    this.#space();
    if (this.#at < this.#page.length) throw new JsonSplitError('goes on after its end');
  }

  array(): Buffer[] {
    const values: Buffer[] = [];
    this.#expect(openArray);
    if (this.#skip(closeArray)) return values;
    do {
      values.push(this.value());
    } while (this.#skip(comma));
    this.#expect(closeArray);
    return values;
  }

  /** Walks an object; `member` must consume the value. */
  object(member: (name: string) => void): void {
    this.#expect(openObject);
    if (this.#skip(closeObject)) return;
    do {
      this.#space();
      const start = this.#at;
      this.#expect(quote);
      this.#string();
      const name = parse(this.#page.subarray(start, this.#at));
      this.#expect(colon);
      member(String(name));
    } while (this.#skip(comma));
    this.#expect(closeObject);
  }

  /** The raw bytes of the next value. */
  value(): Buffer {
    this.#space();
    const start = this.#at;
    const first = this.#page[start];
    if (first === openObject || first === openArray) this.#nested();
    else if (first === quote) {
      this.#at++;
      this.#string();
    } else this.#bare();
    return this.#page.subarray(start, this.#at);
  }

  /** The next value, parsed: for the small members of the envelope. */
  parsed(): unknown {
    return parse(this.value());
  }

  /** Consumes white space and one byte if it is the one given. */
  #skip(byte: number): boolean {
    this.#space();
    if (this.#page[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  #expect(byte: number): void {
    if (this.#skip(byte)) return;
    if (this.#at >= this.#page.length) throw new JsonSplitError('is cut off');
    throw new JsonSplitError('is not JSON of the documented shape');
  }

  #space(): void {
    const page = this.#page;
    let at = this.#at;
    for (; at < page.length; at++) {
      const byte = page[at];
      if (byte !== space && byte !== newline && byte !== carriageReturn && byte !== 0x09) break;
    }
    this.#at = at;
  }

  #bare(): void {
    const start = this.#at;
    while (inBare[this.#page[this.#at] ?? 0] === 1) this.#at++;
    if (this.#at > start) return;
    throw new JsonSplitError(this.#at >= this.#page.length ? 'is cut off' : 'is not JSON');
  }

  /** From behind an opening quote to behind the closing one. */
  #string(): void {
    this.#at = stringEnd(this.#page, this.#at);
  }

  /** From an opening bracket to behind its partner; line breaks between tokens become spaces. */
  #nested(): void {
    const page = this.#page;
    const length = page.length;
    const open: number[] = [];
    let at = this.#at;
    while (at < length) {
      while (at < length && structural[page[at] as number] === 0) at++;
      const byte = page[at];
      at++;
      switch (byte) {
        case quote:
          at = stringEnd(page, at);
          break;
        case openObject:
          open.push(closeObject);
          break;
        case openArray:
          open.push(closeArray);
          break;
        case closeObject:
        case closeArray:
          if (open.pop() !== byte) throw new JsonSplitError('is not JSON: its brackets do not match');
          if (open.length === 0) {
            this.#at = at;
            return;
          }
          break;
        case newline:
        case carriageReturn:
          page[at - 1] = space;
          break;
        default:
      }
    }
    throw new JsonSplitError('is cut off');
  }
}

function stringEnd(page: Buffer, from: number): number {
  const length = page.length;
  let at = from;
  while (at < length) {
    while (at < length && inString[page[at] as number] === 0) at++;
    const byte = page[at];
    if (byte === quote) return at + 1;
    if (byte !== backslash) break;
    at += 2;
  }
  throw new JsonSplitError(at >= length ? 'is cut off inside a text' : 'is not JSON: a line break in a text');
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new JsonSplitError('is not JSON');
  }
}
