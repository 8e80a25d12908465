import { isUtf8 } from 'node:buffer';
import type { Mapped, Violation } from '../domain/columns.js';
import { decimalText, exactNumberText } from './decimal-text.js';
import { dayText, instantText } from './instant.js';

/** A record or a part of one, as parsed. */
export type Fields = Readonly<Record<string, unknown>>;

/** What no warehouse can store as text: the NUL character and halves of surrogate pairs. */
const unstorable = /[\0\p{Surrogate}]/u;

/** The longest id or number, in UTF-16 units: tables index them, and an index takes a few of these in one entry. */
const longestId = 255;

/**
 * Reads fields and collects every violation of the record on the way, so that quarantine shows all of them
 * at once. A read that fails gives null and the mapper goes on; `violations` decides at the end.
 */
export class RecordReader {
  readonly violations: Violation[] = [];
  /** Texts hold a byte a character, of a record that is UTF-8 and has no escapes. */
  readonly inBytes: boolean;

  constructor(inBytes = false) {
    this.inBytes = inBytes;
  }

  /** A text that must be there and not be blank. */
  text(fields: Fields, key: string, at = ''): string | null {
    const value = this.#present(fields, key, at);
    return value === undefined ? null : this.#asText(value, at + key);
  }

  optionalText(fields: Fields, key: string, at = ''): string | null {
    const value = this.#own(fields, key);
    return value === undefined || value === null ? null : this.#asText(value, at + key);
  }

  /** A text that must be there and that rows are found by: no longer than an id. */
  number(fields: Fields, key: string, at = ''): string | null {
    const value = this.#present(fields, key, at);
    return value === undefined ? null : this.#asShortText(value, at + key);
  }

  /** An id: a text or a whole number that JavaScript holds exactly. */
  id(fields: Fields, key: string, at = ''): string | null {
    const value = this.#present(fields, key, at);
    return value === undefined ? null : this.#asId(value, at + key);
  }

  optionalId(fields: Fields, key: string, at = ''): string | null {
    const value = this.#own(fields, key);
    return value === undefined || value === null ? null : this.#asId(value, at + key);
  }

  decimal(fields: Fields, key: string, at = ''): string | null {
    const value = this.#present(fields, key, at);
    return value === undefined ? null : this.#asDecimal(value, at + key);
  }

  optionalDecimal(fields: Fields, key: string, at = ''): string | null {
    const value = this.#own(fields, key);
    return value === undefined || value === null || value === '' ? null : this.#asDecimal(value, at + key);
  }

  instant(fields: Fields, key: string, at = ''): string | null {
    const value = this.#present(fields, key, at);
    return value === undefined ? null : this.#asTime(value, at + key, instantText);
  }

  optionalInstant(fields: Fields, key: string, at = ''): string | null {
    const value = this.#own(fields, key);
    return value === undefined || value === null ? null : this.#asTime(value, at + key, instantText);
  }

  day(fields: Fields, key: string, at = ''): string | null {
    const value = this.#present(fields, key, at);
    return value === undefined ? null : this.#asTime(value, at + key, dayText);
  }

  /** Whole seconds since 1970, as RFC 3339 in UTC. */
  unixSeconds(fields: Fields, key: string, at = ''): string | null {
    const value = this.#present(fields, key, at);
    if (value === undefined) return null;
    // Until the year 2286; beyond that it is milliseconds by mistake.
    const isTime = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < 1e10;
    if (isTime) return new Date(value * 1000).toISOString();
    return this.report('impossible_date', at + key, 'is not a time in seconds', value);
  }

  /** A list of texts as JSON; an absent one is empty. */
  texts(fields: Fields, key: string, at = ''): string | null {
    const value = this.#own(fields, key) ?? [];
    const isTexts =
      Array.isArray(value) && value.every((text) => typeof text === 'string' && !unstorable.test(text));
    if (isTexts) return this.#asText(JSON.stringify(value), at + key);
    return this.report('wrong_type', at + key, 'should be a list of texts', value);
  }

  optionalInteger(fields: Fields, key: string, at = ''): string | null {
    const value = this.#own(fields, key);
    if (value === undefined || value === null) return null;
    const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
    if (/^-?\d{1,18}$/.test(text)) return text;
    return this.report('not_an_integer', at + key, 'is not a whole number', value);
  }

  optionalBoolean(fields: Fields, key: string, at = ''): string | null {
    const value = this.#own(fields, key);
    if (value === undefined || value === null) return null;
    if (value === true || value === 'true') return 'true';
    if (value === false || value === 'false') return 'false';
    return this.report('wrong_type', at + key, 'should be true or false', value);
  }

  /** An ISO 4217 code. */
  currency(fields: Fields, key: string, at = ''): string | null {
    const code = this.text(fields, key, at);
    if (code === null || /^[A-Z]{3}$/.test(code)) return code;
    return this.report('not_a_currency', at + key, 'is not a currency code of three capitals', code);
  }

  object(fields: Fields, key: string, at = ''): Fields | null {
    const value = this.#present(fields, key, at);
    return value === undefined ? null : this.#asObject(value, at + key);
  }

  optionalObject(fields: Fields, key: string, at = ''): Fields | null {
    const value = this.#own(fields, key);
    return value === undefined || value === null ? null : this.#asObject(value, at + key);
  }

  /** An array of objects; entries that are none are reported and left out. */
  objects(fields: Fields, key: string, at = ''): readonly Fields[] {
    const value = this.#present(fields, key, at);
    return value === undefined ? [] : this.#asObjects(value, at + key);
  }

  optionalObjects(fields: Fields, key: string, at = ''): readonly Fields[] {
    const value = this.#own(fields, key);
    return value === undefined || value === null ? [] : this.#asObjects(value, at + key);
  }

  /** Notes a violation; answers null so that a read can return it. */
  report(rule: string, path: string, reason: string, value: unknown): null {
    this.violations.push({
      rule,
      path,
      reason: `${path === '' ? 'the record' : path} ${reason}`,
      value: shown(value),
    });
    return null;
  }

  #own(fields: Fields, key: string): unknown {
    return own(fields, this.inBytes && isBeyondAscii(key) ? Buffer.from(key).toString('latin1') : key);
  }

  #present(fields: Fields, key: string, at: string): unknown {
    const value = this.#own(fields, key);
    if (value !== undefined && value !== null && value !== '') return value;
    this.report('missing_key', at + key, value === undefined ? 'is missing' : 'is empty', value);
    return undefined;
  }

  #asText(value: unknown, path: string): string | null {
    if (typeof value !== 'string') return this.report('wrong_type', path, 'should be text', value);
    if (this.inBytes) return isBeyondAscii(value) ? Buffer.from(value, 'latin1').toString('utf8') : value;
    if (!unstorable.test(value)) return value;
    return this.report('unstorable_text', path, 'holds characters that cannot be stored', value);
  }

  #asShortText(value: unknown, path: string): string | null {
    const text = this.#asText(value, path);
    if (text === null || text.length <= longestId) return text;
    return this.report('too_long', path, `has ${text.length} characters, more than ${longestId}`, text);
  }

  #asId(value: unknown, path: string): string | null {
    if (typeof value === 'string') return this.#asShortText(value, path);
    if (Number.isSafeInteger(value)) return String(value);
    if (typeof value !== 'number') return this.report('wrong_type', path, 'should be an id', value);
    return this.report('not_exact', path, 'is too large to be read exactly', value);
  }

  #asDecimal(value: unknown, path: string): string | null {
    if (typeof value === 'string') {
      return (
        decimalText(value.trim()) ?? this.report('not_a_decimal', path, 'is not a decimal number', value)
      );
    }
    if (typeof value !== 'number')
      return this.report('wrong_type', path, 'should be a decimal number', value);
    return (
      exactNumberText(value) ??
      this.report('not_exact', path, 'has too many digits to be read exactly', value)
    );
  }

  #asTime(value: unknown, path: string, read: (text: string) => string | null): string | null {
    if (typeof value !== 'string') return this.report('wrong_type', path, 'should be a time', value);
    return read(value) ?? this.report('impossible_date', path, 'is not a time that exists', value);
  }

  #asObject(value: unknown, path: string): Fields | null {
    if (isObject(value)) return value;
    return this.report('wrong_type', path, 'should be an object', value);
  }

  #asObjects(value: unknown, path: string): readonly Fields[] {
    if (!Array.isArray(value)) {
      this.report('wrong_type', path, 'should be a list', value);
      return [];
    }
    return value.filter((entry, index): entry is Fields => {
      if (isObject(entry)) return true;
      this.report('wrong_type', `${path}.${index}`, 'should be an object', entry);
      return false;
    });
  }
}

/** Parses a record and maps it; whatever goes wrong is a violation of the record, never an exception. */
export function mapRecord(
  record: Buffer,
  key: string,
  map: (fields: Fields, reader: RecordReader) => Mapped,
): Mapped {
  // Without an escape, text is the record's own bytes: parsed as bytes, and decoded only where it is read.
  if (record.indexOf(backslash) === -1 && isUtf8(record)) {
    const mapped = mapWith(record, key, map, new RecordReader(true));
    if (mapped.kind === 'row') return mapped;
  }
  return mapWith(record, key, map, new RecordReader());
}

const backslash = 0x5c;

function mapWith(
  record: Buffer,
  key: string,
  map: (fields: Fields, reader: RecordReader) => Mapped,
  reader: RecordReader,
): Mapped {
  const fields = parseRecord(record, reader);
  if (fields === null) return { kind: 'quarantined', violations: reader.violations, id: null };
  try {
    const mapped = map(fields, reader);
    if (mapped.kind === 'filtered') return mapped;
    if (mapped.kind !== 'row' || reader.violations.length === 0)
      return { ...mapped, parsed: { fields, inBytes: reader.inBytes } };
  } catch (error) {
    // Nothing in a mapper is known to throw; a record that manages it must still be accounted for.
    reader.report(
      'unreadable',
      '',
      `could not be mapped: ${error instanceof Error ? error.message : 'unknown'}`,
      null,
    );
  }
  const parsed = { fields, inBytes: reader.inBytes };
  return { kind: 'quarantined', violations: reader.violations, id: idOf(fields, key), parsed };
}

function parseRecord(record: Buffer, reader: RecordReader): Fields | null {
  let value: unknown;
  try {
    value = JSON.parse(record.toString(reader.inBytes ? 'latin1' : 'utf8'));
  } catch {
    return reader.report('not_json', '', 'is not JSON', record.subarray(0, 200).toString('utf8'));
  }
  if (isObject(value)) return value;
  return reader.report('wrong_type', '', 'is not a JSON object', value);
}

/** The record's id where it can be made out at all. */
export function idOf(fields: Fields, key: string): string | null {
  const value = own(fields, key);
  if (typeof value === 'string' && value !== '' && value.length <= longestId && !unstorable.test(value))
    return value;
  return Number.isSafeInteger(value) ? String(value) : null;
}

function isBeyondAscii(text: string): boolean {
  return /[\x80-\uffff]/.test(text);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

/** The raw value as JSON text of at most 200 characters; null when missing. */
function shown(value: unknown): string | null {
  if (value === undefined) return null;
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return '(too deeply nested to show)';
  }
}
