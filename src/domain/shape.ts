/**
 * What the vendor's records look like at their top level, and how a table meets a change of it
 * (docs/explanation/schema-drift.md). Pure: observing and storing are the warehouse's.
 */

/** What a table does with what it does not know: the words are those of dlt. */
export const contractModes = ['evolve', 'freeze', 'discard_row', 'discard_value'] as const;
export type ContractMode = (typeof contractModes)[number];

/** Plain JSON: it travels in the plan. */
export interface Contract {
  /** For a field that was not there before. */
  readonly columns: ContractMode;
  /** For a value of another type than the field had before. */
  readonly dataType: ContractMode;
  /** For single fields, by the vendor's name of them; both kinds of change. */
  readonly fields?: Readonly<Record<string, ContractMode>>;
}

export const defaultContract: Contract = { columns: 'evolve', dataType: 'evolve' };

/** As settings write it. */
export interface ContractSettings extends Omit<Contract, 'fields'> {
  readonly fields?: readonly { readonly name: string; readonly mode: ContractMode }[] | undefined;
}

/** Nothing where it is the default, so that a plan stays what it was. */
export function targetContract(settings?: ContractSettings): { readonly contract?: Contract } {
  if (settings === undefined) return {};
  const { columns, dataType, fields = [] } = settings;
  if (fields.length === 0 && columns === defaultContract.columns && dataType === defaultContract.dataType)
    return {};
  const own = Object.fromEntries(fields.map(({ name, mode }) => [name, mode]));
  return { contract: { columns, dataType, ...(fields.length === 0 ? {} : { fields: own }) } };
}

/** Types of fields: each holds those before it, but for numbers in `boolean`. `json` holds everything. */
export const fieldTypes = ['boolean', 'integer', 'numeric', 'text', 'json'] as const;
export type FieldType = (typeof fieldTypes)[number];

/**
 * `raw`: there from the beginning, kept in `raw` alone or read by the stream's mapper. `column`: has a column of its own. `ignored`:
 * discarded as a value. `refused`: its records are, or the whole batch. `full`: the table takes no more columns.
 */
export type FieldState = 'raw' | 'column' | 'ignored' | 'refused' | 'full';

export interface KnownField {
  /** As storableKey gives it. */
  readonly key: string;
  readonly state: FieldState;
  /** Null while nothing but null was seen. */
  readonly type: FieldType | null;
  /** Types that came and did not fit, and were told of. */
  readonly misfits: readonly FieldType[];
  /** Whether every record so far had it. */
  readonly always: boolean;
  /** Records that lacked it since the last one that had it. */
  readonly missing: number;
}

/** What is known of the records that one source brings to one table. */
export interface KnownShape {
  readonly contract: Contract;
  /** Null before the first batch: whatever that one holds is how it is. */
  readonly fields: readonly KnownField[] | null;
}

/** A field in the records of one batch. */
export interface SeenField {
  readonly key: string;
  readonly records: number;
  /** The types of its values, null aside. */
  readonly types: readonly FieldType[];
  /** Its name cannot be stored: it can have no column. */
  readonly hostile: boolean;
}

/** What was seen of a batch, or a part of one. Plain, so that it can cross a thread. */
export interface SeenShape {
  readonly records: number;
  readonly fields: readonly SeenField[];
}

/** The narrowest type that holds both. */
export function widest(one: FieldType, other: FieldType): FieldType {
  if (one === other) return one;
  const [low, high] = [one, other].sort((a, b) => fieldTypes.indexOf(a) - fieldTypes.indexOf(b));
  return low === 'boolean' && high !== 'json' ? 'text' : (high ?? 'json');
}

export function holds(column: FieldType, value: FieldType): boolean {
  return widest(column, value) === column;
}

export function typeOfSeen(types: readonly FieldType[]): FieldType | null {
  return types.reduce<FieldType | null>((all, type) => (all === null ? type : widest(all, type)), null);
}

export function modeForField(contract: Contract, key: string, change: 'columns' | 'dataType'): ContractMode {
  const { fields } = contract;
  const own = fields !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
  return own ?? contract[change];
}

/** In so many records a field that was always there must be missing before it is said to be gone. */
export const goneAfter = 20;

export type Drift =
  /** The first batch: so it is. */
  | { readonly kind: 'first'; readonly field: SeenField; readonly always: boolean }
  | {
      readonly kind: 'new';
      readonly field: SeenField;
      readonly type: FieldType | null;
      readonly mode: ContractMode;
    }
  /** Only null was seen of it before. */
  | { readonly kind: 'typed'; readonly key: string; readonly type: FieldType }
  | {
      readonly kind: 'type';
      readonly key: string;
      readonly from: FieldType;
      readonly to: FieldType;
      readonly mode: ContractMode;
    }
  /** Not in every record, or there again; `missing` counts towards being gone. */
  | {
      readonly kind: 'presence';
      readonly key: string;
      readonly always: boolean;
      readonly missing: number;
      readonly change: 'removed' | 'returned' | null;
    };

/** What of a batch is not as it is known; empty for nearly every batch. */
export function driftOf(known: KnownShape, seen: SeenShape): Drift[] {
  if (seen.records === 0) return [];
  if (known.fields === null)
    return seen.fields.map((field) => ({ kind: 'first', field, always: field.records === seen.records }));
  const fields = new Map(known.fields.map((field) => [field.key, field]));
  const present = new Set(seen.fields.map(({ key }) => key));
  return [
    ...seen.fields.flatMap((field) =>
      driftOfField(known.contract, fields.get(field.key), field, seen.records),
    ),
    ...known.fields.flatMap((field) => (present.has(field.key) ? [] : absence(field, seen.records))),
  ];
}

function driftOfField(
  contract: Contract,
  known: KnownField | undefined,
  field: SeenField,
  records: number,
): Drift[] {
  const { key } = field;
  const type = typeOfSeen(field.types);
  const mode = modeForField(contract, key, 'columns');
  if (known === undefined) return [{ kind: 'new', field, type, mode }];
  if (isUnsettled(known.state, stateFor(mode, field, type), mode))
    return [{ kind: 'new', field, type, mode }];
  const presence = presenceOf(known, field.records === records);
  if (type === null || known.state === 'refused' || known.state === 'ignored') return presence;
  if (known.type === null) return [...presence, { kind: 'typed', key, type }];
  const from = known.type;
  const to = widest(from, type);
  const isTold = field.types.every((seen) => holds(from, seen) || known.misfits.includes(seen));
  const how = modeForField(contract, key, 'dataType');
  if (to === from || (isTold && how !== 'evolve' && how !== 'freeze')) return presence;
  return [...presence, { kind: 'type', key, from, to, mode: how }];
}

/** A frozen table refuses each time; and the contract may be another one since, or a value have come at last. */
function isUnsettled(state: FieldState, now: FieldState, mode: ContractMode): boolean {
  if (state === 'refused') return mode === 'freeze' || now !== 'refused';
  return state === 'ignored' && now !== 'ignored';
}

/** What becomes of a new field. Without a value it has no type, so that it waits in `ignored` for one. */
export function stateFor(mode: ContractMode, field: SeenField, type: FieldType | null): FieldState {
  if (mode === 'freeze' || mode === 'discard_row') return 'refused';
  return mode === 'discard_value' || field.hostile || type === null ? 'ignored' : 'column';
}

function presenceOf(known: KnownField, inAll: boolean): Drift[] {
  const { key } = known;
  const returned = known.always && known.missing >= goneAfter;
  const always = known.always && known.missing === 0 && inAll;
  if (always === known.always && known.missing === 0) return [];
  return [{ kind: 'presence', key, always, missing: 0, change: returned ? 'returned' : null }];
}

function absence(field: KnownField, records: number): Drift[] {
  const { key, always } = field;
  if (!always || field.missing >= goneAfter || field.state === 'refused') return [];
  const missing = field.missing + records;
  return [{ kind: 'presence', key, always, missing, change: missing >= goneAfter ? 'removed' : null }];
}

// --- names -------------------------------------------------------------------------------------------------

/** The longest name of a field that is looked at. */
const longestKey = 200;

/** A field's name as a table can keep it: without NUL and halves of surrogate pairs, and no longer than needed. */
export function storableKey(key: string): { readonly key: string; readonly hostile: boolean } {
  const clean = key.replace(
    /[\0\p{Surrogate}]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  if (clean.length <= longestKey) return { key: clean, hostile: clean !== key };
  // Not between the halves of a pair.
  const start = clean.slice(0, longestKey - 16).replace(/\p{Surrogate}$/u, '');
  return { key: `${start}…${digest(clean)}`, hostile: true };
}

/** Leaves room for a digest within PostgreSQL's 63 characters. */
const longestName = 54;

/**
 * A field's column: `risk-score` and `riskScore` are `risk_score`. What is taken, or too long, gets a digest of the
 * field's own name: the same field always the same column. Never begins with an underscore: those names are Baton's.
 */
export function columnFor(key: string, taken: ReadonlySet<string>): string {
  const words = key
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  const name = /^[a-z]/.test(words) ? words : words === '' ? 'field' : `f_${words}`;
  if (name.length <= 63 && !taken.has(name) && words !== '') return name;
  return `${name.slice(0, longestName)}_${digest(key)}`;
}

/** 32 bits of FNV-1a: tells apart, proves nothing. */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >> 8), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
