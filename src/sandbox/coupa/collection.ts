import type { CoupaRecord } from '../seed/suppliers.js';

/** What is kept in memory of every record, so that windows and ids are found without making the record. */
export interface Row {
  readonly id: number;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly status: string;
  readonly supplierId: number;
}

/** The seeded part of a collection: rows by index, records made when asked for. */
export interface Seeded {
  readonly rows: Iterable<Row>;
  record(id: number): CoupaRecord;
}

const cacheLimit = 5_000;

/**
 * One Coupa resource: the seed plus what changed since. Rows are columns of plain numbers (a few megabytes for
 * 200,000 orders); records are made on demand and their JSON kept in a bounded cache.
 */
export class Collection {
  readonly ids: number[] = [];
  readonly created: number[] = [];
  readonly updated: number[] = [];
  readonly status: string[] = [];
  readonly supplier: number[] = [];
  /** Rises with each change. */
  revision = 0;
  readonly #seeded: Seeded;
  readonly #hidden: string | null;
  readonly #seededCount: number;
  readonly #position = new Map<number, number>();
  readonly #changed = new Map<number, CoupaRecord>();
  readonly #deleted = new Set<number>();
  readonly #exportedAt = new Map<number, string>();
  readonly #texts = new Map<number, string>();
  readonly #orders = new Map<'id' | 'updated-at' | 'created-at', readonly number[]>();

  /** `hidden`: the key that only `fields=` brings out. */
  constructor(seeded: Seeded, hidden: string | null = null) {
    this.#seeded = seeded;
    this.#hidden = hidden;
    for (const row of seeded.rows) this.#set(this.ids.length, row);
    this.#seededCount = this.ids.length;
  }

  get size(): number {
    return this.ids.length - this.#deleted.size;
  }

  /** Where the record stands in the columns; undefined when there is none. */
  positionOf(id: number): number | undefined {
    const at = this.#rawPosition(id);
    return at === undefined || this.#deleted.has(at) ? undefined : at;
  }

  /** Positions of all records in this order, ascending; ties by id. */
  ordered(by: 'id' | 'updated-at' | 'created-at'): readonly number[] {
    const known = this.#orders.get(by);
    if (known !== undefined) return known;
    const positions = this.ids.map((_, at) => at).filter((at) => !this.#deleted.has(at));
    const key = by === 'updated-at' ? this.updated : by === 'created-at' ? this.created : this.ids;
    const at = (column: readonly number[], position: number): number => column[position] ?? 0;
    positions.sort((a, b) => at(key, a) - at(key, b) || at(this.ids, a) - at(this.ids, b));
    this.#orders.set(by, positions);
    return positions;
  }

  /** The whole record, hidden keys included. */
  record(position: number): CoupaRecord {
    const id = this.ids[position] ?? -1;
    const record = this.#changed.get(id) ?? this.#seeded.record(id);
    const exportedAt = this.#exportedAt.get(id);
    return exportedAt === undefined ? record : { ...record, exported: true, 'last-exported-at': exportedAt };
  }

  find(id: number): CoupaRecord | undefined {
    const at = this.positionOf(id);
    return at === undefined ? undefined : this.record(at);
  }

  /** The record's JSON as a list shows it. */
  text(position: number): string {
    const id = this.ids[position] ?? -1;
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    const text = JSON.stringify(this.shown(this.record(position)));
    if (this.#texts.size >= cacheLimit) this.#texts.clear();
    this.#texts.set(id, text);
    return text;
  }

  /** The record without what only `fields=` brings out; set to undefined, which JSON leaves out. */
  shown(record: CoupaRecord): CoupaRecord {
    return this.#hidden === null ? record : { ...record, [this.#hidden]: undefined };
  }

  isExported(position: number): boolean {
    const id = this.ids[position] ?? -1;
    return this.#exportedAt.has(id) || this.#changed.get(id)?.['exported'] === true;
  }

  /** Puts a record in, new or changed; an order whose version rose is not exported any more. */
  upsert(row: Row, record: CoupaRecord): void {
    const before = this.find(row.id);
    const rose = before !== undefined && Number(record['version'] ?? 0) > Number(before['version'] ?? 0);
    if (rose) this.#exportedAt.delete(row.id);
    this.#changed.set(row.id, rose && 'exported' in record ? { ...record, exported: false } : record);
    const at = this.#rawPosition(row.id) ?? this.ids.length;
    const joined = at === this.ids.length || this.#deleted.delete(at);
    this.#set(at, row);
    if (at >= this.#seededCount) this.#position.set(row.id, at);
    this.#forget(row.id, joined);
  }

  remove(id: number): void {
    const at = this.positionOf(id);
    if (at !== undefined) this.#deleted.add(at);
    this.#forget(id, true);
  }

  markExported(id: number, at: string): void {
    this.#exportedAt.set(id, at);
    this.#texts.delete(id);
  }

  #rawPosition(id: number): number | undefined {
    const first = this.ids[0];
    const at = first === undefined ? -1 : id - first;
    return at >= 0 && at < this.#seededCount ? at : this.#position.get(id);
  }

  #set(at: number, row: Row): void {
    this.ids[at] = row.id;
    this.created[at] = row.createdMs;
    this.updated[at] = row.updatedMs;
    this.status[at] = row.status;
    this.supplier[at] = row.supplierId;
  }

  /** `membership`: a record joined or left, so the order of ids changed too. */
  #forget(id: number, membership: boolean): void {
    this.revision += 1;
    this.#texts.delete(id);
    this.#orders.delete('updated-at');
    this.#orders.delete('created-at');
    if (membership) this.#orders.delete('id');
  }
}
