import { isoSeconds } from '../clock.js';
import { currencyInfo, unquotedCurrency } from '../rates/currencies.js';
import { accountId } from './accounts.js';
import { accountCount, anchorMs, fromMs, highPriorityAccounts, orderIdBase, supplierCount } from './frame.js';
import { invoiceCount } from './invoices.js';
import { decimal, excess, headerTotal, orderLines } from './order-lines.js';
import { lineId, poNumber } from './order-record.js';
import type { OrderHeader } from './orders.js';
import {
  type Defect,
  type DiscrepancyRule,
  defects,
  discrepancyRules,
  nearMisses,
  type PlantKind,
} from './plan.js';
import { headers, type Seed } from './seed.js';

export interface PlantedOrder {
  readonly id: number;
  readonly poNumber: string;
}

export interface MalformedOrder extends PlantedOrder {
  readonly defect: Defect;
  /** Dotted path of what is wrong: `order-lines.0.price`. */
  readonly path: string;
}

export interface DiscrepantOrder extends PlantedOrder {
  readonly currency: string;
  /** The lines concerned; empty where the rule is about the whole order. */
  readonly lineIds: readonly number[];
  /** What the order should come to, and what it says: decimal text; supplier ids for unknown_supplier. */
  readonly expected: string;
  readonly actual: string;
}

/** What the seed planted, as data: the answer sheet for tests. Later changes are not in it. */
export interface Truth {
  readonly seed: number;
  readonly records: number;
  readonly from: string;
  readonly to: string;
  readonly counts: Readonly<Record<'orders' | 'suppliers' | 'invoices' | 'accounts' | 'contacts', number>>;
  readonly malformed: readonly MalformedOrder[];
  readonly discrepant: Readonly<Record<DiscrepancyRule, readonly DiscrepantOrder[]>>;
  readonly overThreshold: readonly (PlantedOrder & { readonly currency: string; readonly total: string })[];
  readonly highPriority: readonly (PlantedOrder & { readonly accountId: string })[];
  readonly highPriorityAccounts: readonly string[];
  readonly nearMisses: readonly (PlantedOrder & { readonly why: string })[];
  readonly noRate: { readonly currency: string; readonly ids: readonly number[] };
  /** Ids that lists show twice in a row. */
  readonly duplicates: readonly number[];
  readonly drafts: readonly number[];
  readonly cancelled: readonly number[];
}

function planted(seed: Seed, kind: PlantKind): readonly OrderHeader[] {
  return [...seed.plants].filter(([, plant]) => plant.kind === kind).map(([index]) => seed.header(index));
}

function named({ id }: OrderHeader): PlantedOrder {
  return { id, poNumber: poNumber(id) };
}

function defectPath(header: OrderHeader): string {
  const kind = header.plant?.kind;
  if (kind === 'unknown_status') return 'status';
  if (kind === 'not_a_decimal') return 'order-lines.0.price';
  if (kind === 'impossible_date') return 'created-at';
  return ['po-number', 'currency', 'order-lines'][header.plant?.ordinal ?? 0] ?? 'po-number';
}

function discrepancy(seed: Seed, rule: DiscrepancyRule, header: OrderHeader): DiscrepantOrder {
  const { decimals } = currencyInfo(header.currency);
  const lines = orderLines(seed.seed, header);
  const first = lines[0]?.total ?? 0;
  const common = { ...named(header), currency: header.currency };
  const text = (units: number): string => decimal(units, decimals);
  if (rule === 'unknown_supplier') {
    return { ...common, lineIds: [], expected: 'a listed supplier', actual: String(header.supplierId) };
  }
  if (rule === 'header_total_mismatch') {
    const sum = lines.reduce((total, line) => total + line.statedTotal, 0);
    return { ...common, lineIds: [], expected: text(sum), actual: text(headerTotal(header, lines)) };
  }
  const actual = rule === 'line_total_mismatch' ? (lines[0]?.statedTotal ?? 0) : first + excess(first);
  return { ...common, lineIds: [lineId(header.id, 1)], expected: text(first), actual: text(actual) };
}

function totalOf(seed: Seed, header: OrderHeader): string {
  return decimal(headerTotal(header, orderLines(seed.seed, header)), currencyInfo(header.currency).decimals);
}

function byRule(seed: Seed): Truth['discrepant'] {
  const entries = discrepancyRules.map((rule) => [
    rule,
    planted(seed, rule).map((one) => discrepancy(seed, rule, one)),
  ]);
  return Object.fromEntries(entries) as Record<DiscrepancyRule, readonly DiscrepantOrder[]>;
}

export function truthOf(seed: Seed): Truth {
  const drafts: number[] = [];
  const cancelled: number[] = [];
  let invoices = 0;
  for (const { id, status, invoicing } of headers(seed)) {
    if (status === 'draft') drafts.push(id);
    if (status === 'cancelled') cancelled.push(id);
    invoices += invoiceCount(invoicing);
  }
  const malformed = defects.flatMap((defect) =>
    planted(seed, defect).map((header) => ({ ...named(header), defect, path: defectPath(header) })),
  );
  return {
    seed: seed.seed,
    records: seed.records,
    from: isoSeconds(fromMs),
    to: isoSeconds(anchorMs),
    counts: {
      orders: seed.records,
      suppliers: supplierCount,
      invoices,
      accounts: accountCount,
      contacts: accountCount * 3,
    },
    malformed,
    discrepant: byRule(seed),
    overThreshold: planted(seed, 'over_threshold').map((header) => ({
      ...named(header),
      currency: header.currency,
      total: totalOf(seed, header),
    })),
    highPriority: planted(seed, 'high_priority').map((header) => ({
      ...named(header),
      accountId: accountId(seed.seed, header.account ?? 0),
    })),
    highPriorityAccounts: Array.from({ length: highPriorityAccounts }, (_, index) =>
      accountId(seed.seed, index),
    ),
    nearMisses: nearMisses.flatMap((why) => planted(seed, why).map((header) => ({ ...named(header), why }))),
    noRate: { currency: unquotedCurrency.code, ids: planted(seed, 'no_rate').map(({ id }) => id) },
    duplicates: [...duplicateIds(seed)],
    drafts,
    cancelled,
  };
}

/** Ids that lists show twice in a row. */
export function duplicateIds(seed: Seed): ReadonlySet<number> {
  const found = [...seed.plants].filter(([, plant]) => plant.kind === 'duplicate');
  return new Set(found.map(([index]) => orderIdBase + index));
}
