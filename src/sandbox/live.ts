import type { SandboxClock } from './clock.js';
import type { CoupaChanges } from './coupa/changes.js';
import type { CoupaStore } from './coupa/store.js';
import type { Journal } from './journal.js';
import { Draw } from './rng.js';
import { orderIdBase, streams } from './seed/frame.js';
import { orderRecord } from './seed/order-record.js';
import { type OrderHeader, orderHeader } from './seed/orders.js';
import type { Plant, PlantKind } from './seed/plan.js';
import type { Seed } from './seed/seed.js';

/** Five changes a minute. */
const tickMs = 12_000;
const cycle = 10;
const plantAt = 3;
const mendAt = 1;
const planted: readonly PlantKind[] = ['line_total_mismatch', 'over_threshold', 'header_total_mismatch'];
const mendable: ReadonlySet<PlantKind> = new Set<PlantKind>(['line_total_mismatch', 'header_total_mismatch']);

export interface LiveParts {
  readonly seed: Seed;
  readonly store: CoupaStore;
  readonly changes: CoupaChanges;
  readonly journal: Journal;
  readonly clock: SandboxClock;
}

export interface Live {
  /** What happens at this tick; the same seed, state and number do the same. */
  tick(number: number): void;
  /** Ticks by the sandbox's clock; answers how to stop. A tick that was slept through does not happen. */
  start(): () => void;
}

/**
 * Makes orders come and change while somebody watches: a new order or a change at each tick, a planted
 * discrepancy once in ten, and that one mended about a minute and a half later. Planted orders of the seed
 * are left alone.
 */
export function createLive({ seed, store, changes, journal, clock }: LiveParts): Live {
  const open: number[] = [];
  const opened = journal.register<number>('live.opened', (id) => void open.push(id));
  const mended = journal.register<number>('live.mended', (id) => void open.splice(open.indexOf(id), 1));

  function add(number: number, kind: PlantKind | null): void {
    const plant: Plant | null = kind === null ? null : { kind, ordinal: number };
    const nowMs = Math.floor(clock.ms() / 1000) * 1000;
    const index = 1_000_000_000 + (number % 1_000_000_000);
    const drawn = orderHeader(seed.seed, seed.records, index, plant);
    const id = changes.nextId('purchase_orders');
    const fixed = { id, createdMs: nowMs, updatedMs: nowMs, status: 'issued', invoicing: 'none' } as const;
    const header: OrderHeader = { ...drawn, ...fixed };
    changes.patch('purchase_orders', orderRecord(seed.seed, header));
    if (kind !== null && mendable.has(kind)) opened(id);
  }

  function mend(): void {
    const [oldest] = open;
    if (oldest === undefined) return;
    changes.mend(oldest);
    mended(oldest);
  }

  function change(draw: Draw): void {
    const positions = store.purchase_orders.ordered('id');
    const id = store.purchase_orders.ids[draw.pick(positions)] ?? 0;
    if (seed.plants.has(id - orderIdBase) || open.includes(id)) return;
    const order = store.purchase_orders.find(id);
    if (order === undefined) return;
    const version = Number(order['version']) + 1;
    const closes = order['status'] === 'issued' && draw.chance(0.3);
    changes.patch(
      'purchase_orders',
      closes ? { id, status: 'closed' } : { id, version, 'acknowledged-flag': true },
    );
  }

  function tick(number: number): void {
    const draw = new Draw(seed.seed, streams.live, number);
    const turn = number % cycle;
    if (turn === plantAt) add(number, planted[Math.floor(number / cycle) % planted.length] ?? null);
    else if (turn === mendAt) mend();
    else if (draw.chance(0.5) || store.purchase_orders.size === 0) add(number, null);
    else change(draw);
  }

  return {
    tick,
    start() {
      let last = Math.floor(clock.ms() / tickMs);
      const timer = setInterval(() => {
        const now = Math.floor(clock.ms() / tickMs);
        if (now > last) tick(now);
        last = now;
      }, 1_000);
      return () => clearInterval(timer);
    },
  };
}
