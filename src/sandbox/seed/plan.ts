/** What is planted among the ordinary orders, and where. Positions depend only on the number of records. */

export const defects = ['unknown_status', 'not_a_decimal', 'missing_key', 'impossible_date'] as const;
export type Defect = (typeof defects)[number];

export const discrepancyRules = [
  'header_total_mismatch',
  'line_total_mismatch',
  'invoiced_beyond_ordered',
  'unknown_supplier',
] as const;
export type DiscrepancyRule = (typeof discrepancyRules)[number];

/** Orders that look bad and are not: each must load without a flag. */
export const nearMisses = [
  'header_within_tolerance',
  'line_within_tolerance',
  'credited_back',
  'voided_invoice',
  'large_in_yen_only',
  'just_below_threshold',
] as const;
export type NearMiss = (typeof nearMisses)[number];

export type PlantKind =
  | Defect
  | DiscrepancyRule
  | NearMiss
  | 'over_threshold'
  | 'high_priority'
  | 'no_rate'
  | 'duplicate';

export interface Plant {
  readonly kind: PlantKind;
  /** 0, 1, 2 … within its kind. */
  readonly ordinal: number;
}

const quotas: Readonly<Record<PlantKind, number>> = {
  unknown_status: 3,
  not_a_decimal: 3,
  missing_key: 3,
  impossible_date: 3,
  header_total_mismatch: 8,
  line_total_mismatch: 7,
  invoiced_beyond_ordered: 7,
  unknown_supplier: 8,
  over_threshold: 15,
  high_priority: 10,
  no_rate: 5,
  duplicate: 15,
  header_within_tolerance: 2,
  line_within_tolerance: 2,
  credited_back: 2,
  voided_invoice: 2,
  large_in_yen_only: 2,
  just_below_threshold: 2,
};

/** Round robin over the kinds, so that a small seed still holds some of each. */
function slots(): readonly Plant[] {
  const kinds = Object.entries(quotas) as readonly [PlantKind, number][];
  const rounds = Math.max(...kinds.map(([, quota]) => quota));
  return Array.from({ length: rounds }, (_, ordinal) =>
    kinds.filter(([, quota]) => ordinal < quota).map(([kind]) => ({ kind, ordinal })),
  ).flat();
}

/** Index of an order → what it is. Never more than half of the orders are planted. */
export function plantsFor(records: number): ReadonlyMap<number, Plant> {
  const all = slots();
  const used = all.slice(0, Math.floor(records / 2));
  return new Map(used.map((plant, slot) => [Math.floor(((slot + 0.5) * records) / used.length), plant]));
}
