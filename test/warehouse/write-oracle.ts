import type { Write } from '../../src/domain/write.js';

/**
 * What each write disposition should come to, on plain lists: written from the promise, without a look at the SQL.
 * One tenant's table.
 */
export interface Thing {
  readonly id: string;
  readonly parent: string | null;
  readonly version: number;
  readonly amount: number;
  readonly gone: boolean;
}

export type Staged =
  | (Thing & { readonly verdict: 'row' })
  | { readonly verdict: 'quarantined' }
  | { readonly verdict: 'filtered' };

export interface History extends Thing {
  readonly from: number;
  readonly to: number | null;
}

export interface Outcome {
  read: number;
  loaded: number;
  unchanged: number;
  quarantined: number;
  duplicate: number;
  stale: number;
  filtered: number;
}

export interface Oracle {
  load(batch: readonly Staged[]): Outcome;
  rows(): readonly (Thing | History)[];
}

export function oracleOf(write: Write): Oracle {
  if (write.disposition === 'append') return appending();
  if (write.disposition === 'replace') return replacing();
  if (write.strategy === 'scd2') return historical(write.deletedColumn !== undefined);
  if (write.strategy === 'delete-insert' && write.mergeKey !== undefined) return grouped();
  return keyed();
}

function start(batch: readonly Staged[]): { outcome: Outcome; things: Thing[] } {
  const things = batch.filter((staged) => staged.verdict === 'row');
  const of = (verdict: string) => batch.filter((staged) => staged.verdict === verdict).length;
  const outcome = {
    read: batch.length,
    loaded: 0,
    unchanged: 0,
    duplicate: 0,
    stale: 0,
    quarantined: of('quarantined'),
    filtered: of('filtered'),
  };
  return { outcome, things };
}

/** Of each key the newest version; of equal ones the one that came last. */
function winners(things: readonly Thing[], outcome: Outcome): Thing[] {
  const best = new Map<string, Thing>();
  for (const thing of things) {
    const known = best.get(thing.id);
    if (known !== undefined) outcome.duplicate += 1;
    if (known === undefined || thing.version >= known.version) best.set(thing.id, thing);
  }
  return [...best.values()];
}

function same(a: Thing, b: Thing): boolean {
  return a.parent === b.parent && a.version === b.version && a.amount === b.amount && a.gone === b.gone;
}

function appending(): Oracle {
  const table: Thing[] = [];
  return {
    load(batch) {
      const { outcome, things } = start(batch);
      table.push(...things);
      outcome.loaded = things.length;
      return outcome;
    },
    rows: () => table,
  };
}

function replacing(): Oracle {
  let table: readonly Thing[] = [];
  return {
    load(batch) {
      const { outcome, things } = start(batch);
      const now = winners(things, outcome);
      for (const thing of now)
        if (table.some((row) => row.id === thing.id && same(row, thing))) outcome.unchanged += 1;
        else outcome.loaded += 1;
      table = now;
      return outcome;
    },
    rows: () => table,
  };
}

function keyed(): Oracle {
  const table = new Map<string, Thing>();
  return {
    load(batch) {
      const { outcome, things } = start(batch);
      for (const thing of winners(things, outcome)) {
        const known = table.get(thing.id);
        if (known !== undefined && known.version > thing.version) outcome.stale += 1;
        else if (known !== undefined && same(known, thing)) outcome.unchanged += 1;
        else {
          outcome.loaded += 1;
          table.set(thing.id, thing);
        }
      }
      return outcome;
    },
    rows: () => [...table.values()],
  };
}

function grouped(): Oracle {
  let table: Thing[] = [];
  const newest = (things: readonly Thing[], parent: string) =>
    Math.max(-1, ...things.filter((thing) => thing.parent === parent).map((thing) => thing.version));
  return {
    load(batch) {
      const { outcome, things } = start(batch);
      const now = winners(things, outcome);
      const before = table;
      const isStale = (parent: string | null) =>
        parent !== null && newest(before, parent) > newest(now, parent);
      const fresh = new Set(now.map((thing) => thing.parent).filter((p) => p !== null && !isStale(p)));
      // Children of parents that the batch brings in a newer state, and that it does not have as such.
      table = before.filter(
        (row) =>
          !fresh.has(row.parent) || now.some((thing) => thing.id === row.id && thing.parent === row.parent),
      );
      for (const thing of now) {
        const known = before.find((row) => row.id === thing.id);
        // One that goes with the children of another parent holds nothing up.
        const stays = known !== undefined && (known.parent === thing.parent || !fresh.has(known.parent));
        if (isStale(thing.parent) || (stays && known.version > thing.version)) outcome.stale += 1;
        else if (known !== undefined && same(known, thing)) outcome.unchanged += 1;
        else {
          outcome.loaded += 1;
          table = [...table.filter((row) => row.id !== thing.id), thing];
        }
      }
      return outcome;
    },
    rows: () => table,
  };
}

/** Everything ever seen, and the history told from it afresh after each batch. */
function historical(hasDeletions: boolean): Oracle {
  const seen = new Map<string, Thing>();
  const place = (thing: Thing) => `${thing.id}@${thing.version}`;
  const state = (thing: Thing | undefined) =>
    thing === undefined || (hasDeletions && thing.gone)
      ? 'absent'
      : `${thing.parent} ${thing.amount} ${thing.gone}`;

  /** Versions that changed something, oldest first. */
  function changes(id: string): Thing[] {
    const versions = [...seen.values()]
      .filter((thing) => thing.id === id)
      .sort((a, b) => a.version - b.version);
    return versions.filter((thing, index) => state(thing) !== state(versions[index - 1]));
  }

  return {
    load(batch) {
      const { outcome, things } = start(batch);
      const last = new Map<string, Thing>();
      for (const thing of things) {
        if (last.has(place(thing))) outcome.duplicate += 1;
        last.set(place(thing), thing);
      }
      const fresh = [...last.values()].filter((thing) => {
        const known = seen.get(place(thing));
        return known === undefined || !same(known, thing);
      });
      for (const thing of fresh) seen.set(place(thing), thing);
      outcome.loaded = fresh.filter((thing) => changes(thing.id).includes(thing)).length;
      outcome.unchanged = last.size - outcome.loaded;
      return outcome;
    },
    rows() {
      const ids = [...new Set([...seen.values()].map((thing) => thing.id))];
      return ids.flatMap((id) =>
        changes(id).flatMap((thing, index, all) =>
          state(thing) === 'absent'
            ? []
            : [{ ...thing, from: thing.version, to: all[index + 1]?.version ?? null }],
        ),
      );
    },
  };
}
