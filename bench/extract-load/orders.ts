import {
  changesIn,
  idStep,
  type Kind,
  kindOf,
  type OrderState,
  orderText,
  seededUpdatedMs,
} from './generate.js';

const chunkBytes = 64 * 1024 * 1024;
const firstId = 100_001;
const comma = Buffer.from(',');

/** What a list is limited to; times in milliseconds, `from` included and `to` not. */
export interface Filter {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How many records there are of each kind. */
export type Counts = Readonly<Record<Kind | 'records', number>>;

export type Orders = ReturnType<typeof createOrders>;

/**
 * The orders as bytes, written once, with commas between: what is next to each other is sent as one slice. A
 * change writes the changed ones again and packs everything anew.
 */
export function createOrders(records: number) {
  const ids = Float64Array.from({ length: records });
  const updated = new Float64Array(records);
  const rounds = new Uint8Array(records);
  const chunkOf = new Uint32Array(records);
  const startOf = new Float64Array(records);
  const lengthOf = new Uint32Array(records);
  let chunks: Buffer[] = [];
  let id = firstId;
  for (let index = 0; index < records; index += 1) {
    ids[index] = id;
    id += idStep(index + 1);
  }

  const at = (column: { readonly [index: number]: number }, index: number) => column[index] ?? 0;

  function state(index: number): OrderState {
    return {
      index,
      id: at(ids, index),
      kind: kindOf(index),
      round: at(rounds, index),
      updatedMs: at(updated, index),
    };
  }

  /** Writes every order anew that `isStale` names and copies the others. */
  function pack(isStale: (index: number) => boolean): void {
    const old = chunks;
    chunks = [];
    let chunk = Buffer.alloc(0);
    let end = 0;
    for (let index = 0; index < records; index += 1) {
      const bytes = isStale(index) ? Buffer.from(orderText(state(index), records)) : recordIn(old, index);
      if (end + bytes.length + 1 > chunk.length) {
        chunk = Buffer.allocUnsafeSlow(chunkBytes);
        chunks.push(chunk);
        end = 0;
      }
      chunkOf[index] = chunks.length - 1;
      startOf[index] = end;
      lengthOf[index] = bytes.length;
      end += bytes.copy(chunk, end);
      end += comma.copy(chunk, end);
    }
    selections.clear();
  }

  function recordIn(of: readonly Buffer[], index: number): Buffer {
    const start = at(startOf, index);
    return (of[at(chunkOf, index)] ?? comma).subarray(start, start + at(lengthOf, index));
  }

  const selections = new Map<string, Uint32Array>();

  /** Indexes of the orders within the filter, ascending by id; remembered until the next change. */
  function select({ fromMs, toMs }: Filter): Uint32Array {
    const key = `${fromMs} ${toMs}`;
    const known = selections.get(key);
    if (known !== undefined) return known;
    const found = Uint32Array.from({ length: records });
    let count = 0;
    for (let index = 0; index < records; index += 1)
      if (at(updated, index) >= fromMs && at(updated, index) < toMs) found[count++] = index;
    if (selections.size > 16) selections.clear();
    const selection = found.slice(0, count);
    selections.set(key, selection);
    return selection;
  }

  function count(indexes: Iterable<number>): Counts {
    const counts = { records: 0, valid: 0, draft: 0, malformed: 0 };
    for (const index of indexes) {
      counts.records += 1;
      counts[kindOf(index)] += 1;
    }
    return counts;
  }

  function reset(): void {
    const wasPacked = chunks.length > 0;
    const changed = rounds.map((round) => (round > 0 ? 1 : 0));
    for (let index = 0; index < records; index += 1) updated[index] = seededUpdatedMs(index, records);
    rounds.fill(0);
    pack((index) => !wasPacked || changed[index] === 1);
  }

  reset();
  return {
    reset,

    /** One in ten orders becomes another, as of now. Answers which kinds they are of. */
    change(round: number, nowMs: number): Counts {
      const changing: number[] = [];
      for (let index = 0; index < records; index += 1) if (changesIn(round, index)) changing.push(index);
      for (const index of changing) {
        updated[index] = nowMs;
        rounds[index] = round;
      }
      const stale = new Set(changing);
      pack((index) => stale.has(index));
      return count(changing);
    },

    counts: (filter: Filter): Counts => count(select(filter)),

    meanBytes: (): number => Math.round(lengthOf.reduce((sum, length) => sum + length, 0) / records),

    /** The pieces of a page's body: orders with id above `after` and at most `upTo`, from `offset` on. */
    page(
      filter: Filter,
      range: {
        readonly after: number;
        readonly upTo: number;
        readonly offset: number;
        readonly limit: number;
        readonly descending: boolean;
      },
    ): Buffer[] {
      const selection = select(filter);
      const low = lowerBound(selection, (index) => at(ids, index) > range.after);
      const high = lowerBound(selection, (index) => at(ids, index) > range.upTo);
      const pieces: Buffer[] = [];
      if (range.descending) {
        const from = high - range.offset;
        for (let place = from - 1; place >= Math.max(low, from - range.limit); place -= 1)
          pieces.push(...(pieces.length > 0 ? [comma] : []), recordIn(chunks, at(selection, place)));
        return pieces;
      }
      const first = Math.min(low + range.offset, high);
      const end = Math.min(first + range.limit, high);
      for (let place = first; place < end; ) {
        const run = runFrom(selection, place, end);
        if (pieces.length > 0) pieces.push(comma);
        pieces.push(slice(at(selection, place), at(selection, run - 1)));
        place = run;
      }
      return pieces;
    },
  };

  /** The end of the run of neighbours that begins at `place`. */
  function runFrom(selection: Uint32Array, place: number, end: number): number {
    let next = place + 1;
    while (
      next < end &&
      at(selection, next) === at(selection, next - 1) + 1 &&
      at(chunkOf, at(selection, next)) === at(chunkOf, at(selection, place))
    )
      next += 1;
    return next;
  }

  function slice(first: number, last: number): Buffer {
    const chunk = chunks[at(chunkOf, first)] ?? comma;
    return chunk.subarray(at(startOf, first), at(startOf, last) + at(lengthOf, last));
  }
}

/** The first place whose element passes, of elements that do so from some place on. */
function lowerBound(list: Uint32Array, passes: (element: number) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(list[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}
