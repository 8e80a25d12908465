import type { ParsedRecord, Violation } from '../domain/columns.js';
import {
  type FieldType,
  fieldTypes,
  holds,
  type KnownField,
  type KnownShape,
  modeForField,
  type SeenField,
  type SeenShape,
  storableKey,
} from '../domain/shape.js';

/** Looks at every record of a batch: a look-up for each of its fields, and no more. */
export interface ShapeObserver {
  /**
   * Notes the record; answers why the table's contract discards it, or null. One that is not loaded anyway brings no new
   * fields: a slip of somebody's makes no column.
   */
  see(record: ParsedRecord, isLoaded?: boolean): readonly Violation[] | null;
  seen(): SeenShape;
}

/** Fields beyond so many are names that somebody makes up, such as ids: they are not looked at. */
const mostFields = 2_000;

interface Entry {
  readonly key: string;
  readonly hostile: boolean;
  readonly isKnown: boolean;
  /** Bits of types whose record is discarded. */
  readonly refused: number;
  readonly reason: string;
  records: number;
  types: number;
}

const bits: Readonly<Record<FieldType, number>> = { boolean: 1, integer: 2, numeric: 4, text: 8, json: 16 };
/** Of null, which is of every type. */
const nullBit = 32;
const allBits = 63;

export function observeShapes(known: KnownShape): ShapeObserver {
  const knownFields = known.fields === null ? null : new Map(known.fields.map((field) => [field.key, field]));
  // The same name reads differently in bytes.
  const asBytes = new Map<string, Entry>();
  const asText = new Map<string, Entry>();
  let records = 0;
  let overflow = false;

  function enter(entries: Map<string, Entry>, name: string): Entry | null {
    if (entries.size >= mostFields) {
      overflow = true;
      return null;
    }
    const whole = entries === asBytes ? Buffer.from(name, 'latin1').toString('utf8') : name;
    const { key, hostile } = storableKey(whole);
    const { refused, reason } = refusal(known, knownFields, key);
    const isKnown = knownFields === null || knownFields.has(key);
    const entry = { key, hostile, isKnown, refused, reason, records: 0, types: 0 };
    entries.set(name, entry);
    return entry;
  }

  return {
    see({ fields, inBytes }, isLoaded = true) {
      const entries = inBytes ? asBytes : asText;
      let violations: Violation[] | null = null;
      records += 1;
      // What JSON.parse makes has no names but its own.
      for (const name in fields) {
        const entry = entries.get(name) ?? enter(entries, name);
        if (entry === null || !(isLoaded || entry.isKnown)) continue;
        const bit = bitOf(fields[name]);
        entry.records += 1;
        entry.types |= bit;
        if ((entry.refused & bit) !== 0) violations = [...(violations ?? []), violationOf(entry)];
      }
      return violations;
    },
    seen: () => ({
      records,
      fields: [
        ...[...merged([...asBytes.values(), ...asText.values()]).values()]
          .filter((entry) => entry.records > 0)
          .map(({ key, hostile, records: had, types }) => ({
            key,
            hostile,
            records: had,
            types: fieldTypes.filter((type) => (types & bits[type]) !== 0),
          })),
        ...(overflow ? [theRest(records)] : []),
      ],
    }),
  };
}

/** What was seen in several places, each record in one of them; bounded as each of them is. */
export function sumOfShapes() {
  const fields = new Map<string, SeenField>();
  let records = 0;
  let overflow = false;
  return {
    add(seen: SeenShape): void {
      records += seen.records;
      for (const field of seen.fields) {
        const known = fields.get(field.key);
        if (known === undefined && fields.size >= mostFields) overflow = true;
        else fields.set(field.key, known === undefined ? field : together(known, field));
      }
    },
    seen(): SeenShape {
      // Where one place had too many, its own word for them is replaced.
      const rest = overflow ? theRest(records) : null;
      if (rest !== null) fields.set(rest.key, rest);
      return { records, fields: [...fields.values()] };
    },
  };
}

function together(one: SeenField, other: SeenField): SeenField {
  return {
    ...one,
    records: one.records + other.records,
    types: fieldTypes.filter((type) => one.types.includes(type) || other.types.includes(type)),
  };
}

/** Stands for all fields that are not looked at. */
function theRest(records: number): SeenField {
  return { key: `(more than ${mostFields} fields)`, hostile: true, records, types: ['json'] };
}

function merged(entries: readonly Entry[]): Map<string, Entry> {
  const byKey = new Map<string, Entry>();
  for (const entry of entries) {
    const other = byKey.get(entry.key);
    const { records, types } = other ?? { records: 0, types: 0 };
    byKey.set(entry.key, { ...entry, records: entry.records + records, types: entry.types | types });
  }
  return byKey;
}

function bitOf(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return bits.text;
    case 'number':
      return Number.isSafeInteger(value) ? bits.integer : bits.numeric;
    case 'boolean':
      return bits.boolean;
    default:
      return value === null ? nullBit : bits.json;
  }
}

/** For which values of a field the contract discards the record. */
function refusal(
  { contract }: KnownShape,
  fields: ReadonlyMap<string, KnownField> | null,
  key: string,
): Pick<Entry, 'refused' | 'reason'> {
  if (fields === null) return { refused: 0, reason: '' };
  const field = fields.get(key);
  if (field === undefined || field.state === 'refused') {
    const refused = modeForField(contract, key, 'columns') === 'discard_row' ? allBits : 0;
    return {
      refused,
      reason: 'is a field that this table does not know; its contract discards such records',
    };
  }
  const { type } = field;
  if (type === null || modeForField(contract, key, 'dataType') !== 'discard_row')
    return { refused: 0, reason: '' };
  const misfits = fieldTypes.filter((other) => !holds(type, other));
  return {
    refused: misfits.reduce((all, other) => all | bits[other], 0),
    reason: `is not of the type ${type} that it had before; the table's contract discards such records`,
  };
}

function violationOf({ key, reason }: Entry): Violation {
  return { rule: 'schema_contract', path: key, reason: `${key} ${reason}`, value: null };
}
