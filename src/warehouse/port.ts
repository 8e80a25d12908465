import type { Column, Row, Violation } from '../domain/columns.js';
import type { OrderEnrichment, ReconciledTables } from '../domain/plan.js';
import type { Contract, ContractMode, KnownShape, SeenShape } from '../domain/shape.js';
import type { Write } from '../domain/write.js';
import type { LoadNote } from '../lake/load-note.js';
import type { Receipt } from '../protocol/run.js';
import type { Rule } from '../quality/rule.js';
import type { EncodedLines } from './encode.js';

/** A table that batches are loaded into. The merge key is (_tenant, _source, first column). */
export interface TableSpec {
  readonly table: string;
  readonly staging: string;
  /** As the stream's mapper yields them; the first is the key. */
  readonly columns: readonly Column[];
  /** Which column says which of two versions is newer; null = the later landed one. */
  readonly versionColumn: string | null;
  /** How a batch meets what the table already holds; absent = merge by upsert. */
  readonly write?: Write;
  /** What a field or type that was not there before does to the table; absent = it evolves. */
  readonly contract?: Contract;
  /** The boolean column in which the vendor says that the record is deleted: such rows are kept as `_deleted`. */
  readonly deletedColumn?: string;
  /** Columns with an index of their own, behind the tenant. */
  readonly indexes?: readonly string[];
  readonly orders?: OrderEnrichment;
}

/** What identifies one load: a batch, in one generation, of one run. */
export interface LoadKey {
  readonly batchId: string;
  readonly generation: number;
  readonly runId: string;
  readonly connection: string;
  readonly stream: string;
  readonly tenant: string;
}

/** One record on its way into staging, with the place of its raw bytes. */
export interface StagedRecord {
  readonly part: number;
  readonly line: number;
  readonly raw: Buffer;
  readonly verdict:
    | { readonly kind: 'row'; readonly row: Row; readonly lines?: readonly Row[] }
    | { readonly kind: 'filtered' }
    | { readonly kind: 'quarantined'; readonly id: string | null; readonly violations: readonly Violation[] };
}

export interface LoadCounts
  extends Pick<
    Receipt,
    'read' | 'loaded' | 'unchanged' | 'quarantined' | 'duplicate' | 'stale' | 'filtered'
  > {}

export interface LoadResult {
  readonly counts: LoadCounts;
  /** False when the batch had been merged before: the counts are then the stored ones. */
  readonly merged: boolean;
}

export interface Watermark {
  /** RFC 3339; null before the first load. */
  readonly value: string | null;
}

/** Moves the watermark in the load's own transaction, unless another run has moved it since it was read. */
export interface WatermarkMove {
  readonly from: string | null;
  readonly to: string;
}

/**
 * The warehouse: staging, the fenced merge, quarantine, reconciliation. Every method may be repeated.
 * Errors: ERR_WAREHOUSE_UNAVAILABLE (retry), ERR_WAREHOUSE_REFUSED, ERR_STAGING_LOST.
 */
export interface Warehouse {
  /** Creates what Baton's own schemas lack; idempotent, safe from several processes. */
  prepare(): Promise<void>;
  /** The same warehouse for one piece of work, whose statements are cancelled and rolled back when the signal aborts. */
  during(signal: AbortSignal): Warehouse;
  watermark(connection: string, stream: string, tenant: string): Promise<Watermark>;

  /**
   * An empty staging table that belongs to one attempt. Drops what older attempts of the batch left: names of
   * attempts sort in the order of the attempts.
   */
  openStaging(table: TableSpec, load: LoadKey, attempt: string): Promise<string>;
  /** Copies records into staging. A record that the warehouse itself refuses is quarantined there. ERR_STAGING_LOST when the table is gone. */
  stage(table: TableSpec, staging: string, load: LoadKey, records: readonly StagedRecord[]): Promise<void>;
  /** The same for a block of lines as encoded; `recordsOf` maps them again where the warehouse refuses one. */
  stageEncoded(
    table: TableSpec,
    staging: string,
    encoded: EncodedLines,
    recordsOf: () => readonly StagedRecord[],
  ): Promise<void>;
  /** What the records of the load's source are known to look like. */
  knownShape(table: TableSpec, load: LoadKey): Promise<KnownShape>;
  /**
   * Takes note of what a staged batch's records look like, and changes the table as its contract says; to be called before
   * the merge when driftOf finds anything. ERR_SCHEMA_FROZEN when the contract refuses the batch.
   */
  settleShape(table: TableSpec, load: LoadKey, seen: SeenShape): Promise<void>;
  /** Gives older rows the values of columns that were added since; answers how many. Goes on where it was interrupted. */
  fillColumns(table: TableSpec, signal: AbortSignal): Promise<number>;
  /** Changes of the table's shape that nobody was told of, and whether columns are to be filled. */
  shapeNews(table: TableSpec): Promise<ShapeNews>;
  markTold(changes: readonly SchemaChange[]): Promise<void>;
  /**
   * Smallest and largest value of a date or timestamp column in staging, as dates; null when empty.
   * What is older than the year 2000 is a slip of somebody's and stretches no range.
   * ERR_STAGING_LOST unless it holds the expected number of records: a range of some of them would be wrong.
   */
  stagedRange(
    staging: string,
    column: string,
    expected: number,
  ): Promise<{ readonly from: string; readonly to: string } | null>;
  /** The one transaction: fence, merge, quarantine, accounting, watermark (null = it is no concern of this load). */
  merge(
    table: TableSpec,
    staging: string,
    load: LoadKey,
    expected: number,
    watermark: WatermarkMove | null,
  ): Promise<LoadResult>;
  dropStaging(staging: string): Promise<void>;

  /** Stored accounting of a load; null when it has not been merged. */
  loadCounts(batchId: string, generation: number): Promise<LoadCounts | null>;
  /** The same with its time and the stream's watermark, for the lake. */
  loadNote(batchId: string, generation: number): Promise<LoadNote | null>;

  /** What a run has compared, by its compare step. Each method may be repeated. */
  readonly comparisons: Comparisons;

  /** What a fresh staging of the batch says of its rows in the warehouse; at most a few dozen are named. */
  verify(table: TableSpec, staging: string, load: LoadKey): Promise<LoadVerification>;
  stagedCounts(
    table: TableSpec,
    staging: string,
  ): Promise<Pick<LoadCounts, 'read' | 'filtered' | 'quarantined' | 'duplicate'>>;
  /** Checks what changed and what is open against the rules; see ReconcileCounts. */
  reconcile(rules: readonly Rule[], input: ReconcileInput): Promise<ReconcileCounts>;
  /** Decides, once and for good, which ticket each open discrepancy has that has none in its episode yet. */
  assignTickets(input: TicketAssignment): Promise<void>;
  /** Discrepancies with a ticket that is not yet what it should be. */
  unplanned(tenant: string, source: string, limit: number): Promise<Discrepancy[]>;
  /** Notes, per discrepancy, what was planned for its ticket. */
  markPlanned(
    tenant: string,
    source: string,
    items: readonly (Discrepancy & { readonly planned: 'open' | 'resolved' })[],
  ): Promise<void>;
  /** How many discrepancies a summary ticket was opened for, and how many of them are still open. */
  summarised(tenant: string, cause: string): Promise<{ readonly all: number; readonly open: number }>;
  /** The rows that a batch left, of those whose `column` is `value`: how many, and the first by their key. */
  rowsOfBatch(
    table: TableSpec,
    of: { readonly batch: string; readonly column: string; readonly value: string; readonly limit: number },
  ): Promise<{ readonly total: number; readonly rows: readonly Row[] }>;
  close(): Promise<void>;
}

/** What changed in the vendor's records, and what the table's contract made of it. */
export interface SchemaChange {
  readonly id: string;
  readonly target: string;
  readonly source: string;
  readonly tenant: string;
  /** The field, as storableKey gives it. */
  readonly key: string;
  readonly kind: 'new_field' | 'new_type' | 'removed' | 'returned';
  readonly mode: ContractMode | null;
  /** What is so now; follows the field's name in a sentence. */
  readonly detail: string;
  readonly run_id: string;
  readonly batch_id: string;
  readonly changed_at: Date;
}

export interface ShapeNews {
  /** Oldest first. */
  readonly untold: readonly SchemaChange[];
  readonly isUnfilled: boolean;
}

/** Names a comparison: the step that makes it, in its run. */
export interface ComparisonKey {
  readonly runId: string;
  readonly stepId: string;
}

export interface NewComparison {
  readonly target: string;
  readonly tenant: string;
  readonly source: string;
  readonly stream: string;
  readonly windowFrom: string | null;
  readonly windowTo: string;
}

/** An object that is gone from the lake: the part of which batch it was. */
export interface LostObject {
  readonly key: string;
  readonly batch: string;
  readonly ordinal: number;
}

export interface Comparison extends NewComparison {
  readonly stepId: string;
  /** Where listing goes on; null = at the beginning. */
  readonly cursor: Readonly<Record<string, string | number | boolean | null>> | null;
  readonly isListed: boolean;
  /** Keys that the vendor lists, and the calls that took. */
  readonly listed: number;
  readonly calls: number;
  /** Null until it is compared. */
  readonly found: FoundDifferences | null;
  readonly lost: readonly LostObject[];
}

/** Keys by what is wrong with them, each counted once. */
export interface FoundDifferences {
  /** Not in the warehouse. */
  readonly missing: number;
  /** There in an older version, or taken for deleted. */
  readonly older: number;
  /** Their object is gone from the lake. */
  readonly lost: number;
}

/** Keys of the vendor beside the warehouse's: they stay where they are compared, and only counts travel. */
export interface Comparisons {
  /** Makes sure that the table is there, so that there is something to compare with. */
  prepare(table: TableSpec): Promise<void>;
  /** Opens it, or finds it as an earlier attempt left it. */
  open(key: ComparisonKey, comparison: NewComparison): Promise<Comparison>;
  find(key: ComparisonKey): Promise<Comparison | null>;
  ofRun(runId: string): Promise<Comparison[]>;
  /** Keeps a page and where listing goes on (null = at its end). False when another attempt is further. */
  keepPage(
    key: ComparisonKey,
    before: Comparison['cursor'],
    page: {
      readonly keys: readonly { readonly id: string; readonly version: string | null }[];
      readonly next: Comparison['cursor'];
      readonly calls: number;
    },
  ): Promise<boolean>;
  /** Compares what is listed, once, and keeps the keys that differ. A record that waits in quarantine is not missing. */
  compare(key: ComparisonKey, table: TableSpec, lost: readonly LostObject[]): Promise<FoundDifferences>;
  /** Keys that differ, in order, after so many. */
  differing(key: ComparisonKey, after: number, limit: number): Promise<string[]>;
  /** Live rows up to the window's end whose keys were not listed, of how many; found by `compare` where all was listed. */
  unlisted(key: ComparisonKey, table: TableSpec): Promise<{ readonly gone: number; readonly rows: number }>;
  /** Keys that were not listed and not yet asked for, in order. */
  toConfirm(key: ComparisonKey, limit: number): Promise<string[]>;
  /**
   * Marks the rows of the keys that the vendor says are gone, unless they were loaded anew since, and takes note that
   * all of `asked` were asked for. Answers how many were marked.
   */
  markGone(
    key: ComparisonKey,
    table: TableSpec,
    answer: { readonly asked: readonly string[]; readonly gone: readonly string[]; readonly calls: number },
  ): Promise<number>;
  /** How many of the keys that were missing or older still are. */
  remaining(key: ComparisonKey, table: TableSpec): Promise<number>;
}

export interface ReconcileInput {
  readonly runId: string;
  readonly tenant: string;
  readonly source: string;
  readonly tables: ReconciledTables;
  readonly threshold: string;
  readonly tolerance: { readonly absolute: string; readonly relative: string };
  readonly reportingCurrency: string;
  readonly highPriority: string;
}

export interface ReconcileCounts {
  readonly checked: number;
  readonly opened: number;
  readonly still_open: number;
  readonly resolved: number;
}

export interface TicketAssignment {
  readonly tenant: string;
  readonly source: string;
  /** More new discrepancies of one rule than this share a summary ticket. */
  readonly summaryAfter: number;
  /** One that comes back so soon after it was gone gets its old ticket; 0 = never. */
  readonly reopenWithinMs: number;
  /** One that was found in so many reconciliations in a row gets a ticket. */
  readonly openAfter: number;
  /** Tells this run's summaries from another's. */
  readonly summaryTag: string;
}

/** A row of analytics.po_discrepancy with what a ticket needs to say of its order. */
export interface Discrepancy {
  readonly tenant: string;
  readonly source: string;
  readonly po_id: string;
  readonly rule: string;
  readonly episode: number;
  readonly state: 'open' | 'resolved';
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly opened_run: string;
  readonly resolved_run: string | null;
  /** `po:<source>:<po_id>:<rule>`, or `summary:<source>:<rule>:<tag>` where one ticket is for many. */
  readonly ticket_cause: string;
  /** The episode that the ticket is of: not the present one when runs died between one and the next. */
  readonly ticket_episode: number;
  /** The episode in which the ticket was opened: an earlier one where it was reopened. */
  readonly ticket_ordinal: number;
  /** What was last planned for the ticket; null = nothing that was noted, yet its opening may be stored. */
  readonly planned_state: 'open' | 'resolved' | null;
  readonly po_number: string | null;
  readonly supplier_name: string | null;
  readonly status: string | null;
  readonly total: string | null;
  readonly currency: string | null;
  readonly total_usd: string | null;
}

export interface LoadVerification {
  readonly differences: readonly RowDifference[];
  /** What could not be checked, and why; in sentences. */
  readonly notes: readonly string[];
}

/** A row that is not what the lake says: `{table: 'analytics.po_fact', id: '100137', what: 'differs … in total'}`. */
export interface RowDifference {
  readonly table: string;
  readonly id: string;
  readonly what: string;
}
