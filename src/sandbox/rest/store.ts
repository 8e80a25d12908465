import type { SandboxClock } from '../clock.js';
import { anchorMs } from '../seed/frame.js';

export interface RestItem {
  readonly id: number;
  readonly name: string;
  readonly amount: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** The records of the generic API; what is changed lasts as long as the sandbox does. */
export interface RestStore {
  all(): readonly RestItem[];
  insert(): RestItem;
  /** A new version, changed now. */
  update(id: number): RestItem | null;
  delete(id: number): boolean;
}

export function createRestStore(clock: SandboxClock, seeded = 120): RestStore {
  const items = new Map<number, RestItem>();
  let lastId = 0;
  let changes = 0;
  const now = () => new Date(clock.ms()).toISOString();
  const add = (at: string): RestItem => {
    const id = ++lastId;
    const item = { id, name: `Item ${id}`, amount: `${id}.50`, created_at: at, updated_at: at };
    items.set(id, item);
    return item;
  };
  for (let n = 0; n < seeded; n += 1) add(new Date(anchorMs - (seeded - n) * 60_000).toISOString());
  return {
    all: () => [...items.values()],
    insert: () => add(now()),
    update(id) {
      const item = items.get(id);
      if (item === undefined) return null;
      changes += 1;
      const changed = { ...item, name: `${item.name.split(',')[0]}, change ${changes}`, updated_at: now() };
      items.set(id, changed);
      return changed;
    },
    delete: (id) => items.delete(id),
  };
}
