/** How a batch meets what its table already holds. Plain JSON: it travels in the plan. */
export type Write =
  | { readonly disposition: 'append' }
  | { readonly disposition: 'replace' }
  | { readonly disposition: 'merge'; readonly strategy: 'upsert' }
  | {
      readonly disposition: 'merge';
      readonly strategy: 'delete-insert';
      /** A parent's id: the rows that share it are replaced as a whole. Absent: each row by its own key. */
      readonly mergeKey?: string;
    }
  | {
      readonly disposition: 'merge';
      readonly strategy: 'scd2';
      /** A boolean column in which the vendor says that a record is deleted: such a version ends the history. */
      readonly deletedColumn?: string;
    };

export const strategyNames = ['append', 'replace', 'upsert', 'delete-insert', 'scd2'] as const;
export type StrategyName = (typeof strategyNames)[number];

export const defaultWrite: Write = { disposition: 'merge', strategy: 'upsert' };

export function strategyOf(write: Write = defaultWrite): StrategyName {
  return write.disposition === 'merge' ? write.strategy : write.disposition;
}

/** As settings write it: parts that are for another strategy are refused where they are read. */
export interface WriteSettings {
  readonly disposition: Write['disposition'];
  readonly strategy?: 'upsert' | 'delete-insert' | 'scd2' | undefined;
  readonly mergeKey?: string | undefined;
  readonly deletedColumn?: string | undefined;
}

export function writeOf(settings: WriteSettings): Write {
  const { disposition, strategy = 'upsert', mergeKey, deletedColumn } = settings;
  if (disposition !== 'merge') return { disposition };
  if (strategy === 'upsert') return { disposition, strategy };
  if (strategy === 'scd2')
    return { disposition, strategy, ...(deletedColumn === undefined ? {} : { deletedColumn }) };
  return { disposition, strategy, ...(mergeKey === undefined ? {} : { mergeKey }) };
}

/** What a strategy needs, and what may be expected of its tables. */
export interface StrategyTraits {
  /** A look-up by key finds one row at most: other steps may join the table. scd2's current rows are such. */
  readonly oneRowPerKey: boolean;
  /** Each batch must be everything there is: what it does not hold is removed. */
  readonly readsEverything: boolean;
  /** Can enrich orders and keep their lines. */
  readonly takesOrders: boolean;
  /** The stream must say which version is newer. */
  readonly needsVersions: boolean;
}

export const strategyTraits: Readonly<Record<StrategyName, StrategyTraits>> = {
  append: { oneRowPerKey: false, readsEverything: false, takesOrders: false, needsVersions: false },
  replace: { oneRowPerKey: true, readsEverything: true, takesOrders: false, needsVersions: false },
  upsert: { oneRowPerKey: true, readsEverything: false, takesOrders: true, needsVersions: false },
  'delete-insert': { oneRowPerKey: true, readsEverything: false, takesOrders: false, needsVersions: false },
  scd2: { oneRowPerKey: true, readsEverything: false, takesOrders: false, needsVersions: true },
};

export function traitsOf(write: Write | undefined): StrategyTraits {
  return strategyTraits[strategyOf(write)];
}

/** Where scd2 keeps versions that changed nothing, and deletions: a later batch may bring one that lies between. */
export function hiddenTable(table: string): string {
  return `${table}__hidden`;
}
