import { BatonError } from '../protocol/errors.js';
import type { Contract } from './shape.js';
import { hiddenTable, strategyOf, traitsOf, type Write } from './write.js';

/** The steps of a compiled pipeline: what `runPipeline` executes. Plain JSON; it travels in the history once. */
export type Step =
  | SyncStep
  | CompareStep
  | SweepStep
  | ExtractStep
  | LoadStep
  | AcknowledgeStep
  | ReconcileStep
  | TicketsStep;

interface StepBase {
  readonly id: string;
  /** Shown in the step tree and as the activity's summary: `extract  coupa purchase orders`. */
  readonly title: string;
  readonly dependsOn: readonly string[];
  /** A failure of this step leaves the run `partial`, not `failed`, and its dependants go on. */
  readonly allowFailure?: boolean;
}

/** A sync of a service that moves data by itself: started or awaited before anything else is read. */
export interface SyncStep extends StepBase {
  readonly kind: 'sync';
  readonly connection: string;
  /** What the service calls the connection that is synced. */
  readonly syncId: string;
  /** `start`: one is started, unless one is under way. `await`: the next one that ends is waited for. */
  readonly mode: 'start' | 'await';
  /** With `await`: one that has succeeded no longer ago than this will do; null = only one that ends from now on. */
  readonly withinMs: number | null;
  /** How long it may take. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}

/** Finds what lake and warehouse lack of what the vendor lists, and writes down the keys. */
export interface CompareStep extends StepBase {
  readonly kind: 'compare';
  readonly connection: string;
  readonly stream: string;
  readonly target: Target;
  readonly retry: RetryPolicy;
  /** How far back, from the vendor's own now; null = from the beginning. */
  readonly sinceMs: number | null;
  /** Nothing older was ever meant to be loaded. */
  readonly initialValue: string | null;
  /** What the watermark of the table's loads is kept under. Without one nothing was loaded yet, and nothing is compared. */
  readonly watermark: string;
  /** What else it is kept under, where several pipelines load the table. */
  readonly otherWatermarks?: readonly string[];
  /** What changed this shortly before the vendor's own now may still be committed late; null = the stream's own. */
  readonly lagMs: number | null;
  /** Calls that listing may take; absent = as many as it needs. */
  readonly maxCalls?: number;
}

/** Marks rows as deleted whose keys a comparison of everything did not find, when the vendor confirms it one by one. */
export interface SweepStep extends StepBase {
  readonly kind: 'sweep';
  /** The compare step that has listed everything. */
  readonly from: string;
  /** When a larger share of the rows than this would vanish (0 to 1), none is marked and the step fails. */
  readonly maxShare: number;
  /** Calls that listing and asking may take together; beyond it the step fails, and what was confirmed stays marked. */
  readonly maxCalls: number;
}

/** Walks a stream, lands it in the lake and stages it in the warehouse meanwhile. */
export interface ExtractStep extends StepBase {
  readonly kind: 'extract';
  readonly connection: string;
  readonly stream: string;
  readonly target: Target;
  readonly retry: RetryPolicy;
  readonly initialValue: string | null;
  /** Re-read this much before the last watermark; null = the stream's own. */
  readonly lagMs: number | null;
  /** Passed to the stream: `{customerField: …}`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Present when the step only lands what it reads: a loader of its own takes it from the lake into the target. */
  readonly landing?: Landing;
  /** What the watermark is kept under in place of the stream's name, where nobody is to share it: see `Landing`. */
  readonly watermark?: string;
  /** The compare step whose findings are read, one by one, instead of the stream's window. Moves no watermark. */
  readonly repairs?: string;
  /** Bounds of a column in another extract step's staging, as parameters of this one (dates, UTC). */
  readonly range?: { readonly step: string; readonly column: string; readonly marginDays: number };
}

/** Merges what an extract step staged. */
export interface LoadStep extends StepBase {
  readonly kind: 'load';
  readonly from: string;
}

/** Tells the vendor, record by record, that what a load step has merged was taken over. */
export interface AcknowledgeStep extends StepBase {
  readonly kind: 'acknowledge';
  /** The extract step that read it. */
  readonly from: string;
}

/** Checks what changed, and everything still open, against the rules. */
export interface ReconcileStep extends StepBase {
  readonly kind: 'reconcile';
  readonly source: string;
  readonly tables: ReconciledTables;
  readonly reportingCurrency: string;
  /** Decimal text, in the reporting currency. */
  readonly threshold: string;
  /** A difference counts when it is beyond the larger of the two; decimal text. */
  readonly tolerance: { readonly absolute: string; readonly relative: string };
  readonly highPriority: string;
}

/** What orders are checked against. A source may have no suppliers, invoices or header totals: what needs them is not checked. */
export interface ReconciledTables {
  readonly suppliers?: string;
  readonly invoices?: string;
  readonly totals?: string;
  readonly customers: string;
}

/** Turns the state of the discrepancies into tickets. */
export interface TicketsStep extends StepBase {
  readonly kind: 'tickets';
  readonly connection: string;
  readonly source: string;
  /** More new discrepancies of one rule in one run than this open one summary ticket. */
  readonly summaryAfter: number;
  /** A discrepancy that comes back so soon reopens the ticket that it had; absent = it gets another. */
  readonly reopenWithinMs?: number;
  /** A ticket is opened when a discrepancy was found in so many runs in a row; absent = at once. */
  readonly openAfter?: number;
  readonly reportingCurrency: string;
}

export interface Landing {
  /** Key of the objects' folder in the lake: `helpdesk_tickets/{date}`. */
  readonly layout: string;
  /**
   * What the watermark of these loads is kept under in place of the stream's name: the same stream may be loaded
   * into another table by another pipeline, and neither may take the other's for its own.
   */
  readonly watermark: string;
}

/** Where a stream is loaded. */
export interface Target {
  /** `raw.coupa_suppliers`, `analytics.po_fact`. */
  readonly table: `${'raw' | 'analytics'}.${string}`;
  /** Name of its staging table in the schema `staging`. */
  readonly staging: string;
  /** How a batch meets what the table already holds; absent = merge by upsert. */
  readonly write?: Write;
  /** What a change in the vendor's records does to the table; absent = it evolves. */
  readonly contract?: Contract;
  /** Columns that rows are looked up by, within a tenant, besides their key: an index each. */
  readonly indexes?: readonly string[];
  /** Present when the rows are purchase orders: what they are enriched with. */
  readonly orders?: OrderEnrichment;
}

export interface OrderEnrichment {
  /** Absent where the source lists none: the supplier's name is then what the order itself says. */
  readonly suppliers?: string;
  readonly rates: string;
  /** ISO 4217. */
  readonly reportingCurrency: string;
}

/** The user's retries: they count the vendor's failures only. */
export interface RetryPolicy {
  readonly retries: number;
  readonly delayMs: number;
  readonly maxDelayMs: number;
}

export interface Plan {
  readonly pipeline: string;
  readonly description: string;
  /** The step whose accounting is the run's receipt. */
  readonly receiptStep: string;
  readonly concurrency: number;
  readonly steps: readonly Step[];
}

/** What a pipeline is in code: compiled with its settings from baton.yaml into a plan. */
export interface PipelineDefinition<S> {
  readonly id: string;
  /** Other names it answers to. */
  readonly aliases: readonly string[];
  readonly description: string;
  compile(settings: S, offers: Offers): Plan;
}

/** What a configured connection has under this name; undefined where it has no such stream. */
export type Offers = (connection: string, stream: string) => Offer | undefined;

export interface Offer {
  /** Whether the vendor is to be told of each record that was taken over. */
  readonly acknowledges: boolean;
}

export function definePipeline<S>(definition: PipelineDefinition<S>): PipelineDefinition<S> {
  return definition;
}

/** Throws ERR_PLAN_INVALID naming every problem: doubled ids, unknown dependencies, cycles, loads of nothing, impossible tables. */
export function checkPlan(plan: Plan): Plan {
  const problems: string[] = [];
  const byId = new Map(plan.steps.map((step) => [step.id, step]));
  if (byId.size !== plan.steps.length) problems.push('two steps have the same id');
  for (const step of plan.steps) {
    const needs = [...step.dependsOn, ...(step.kind === 'load' ? [step.from] : [])];
    for (const id of needs) if (!byId.has(id)) problems.push(`step ${step.id} depends on unknown step ${id}`);
    if (step.kind === 'load' && byId.get(step.from)?.kind !== 'extract')
      problems.push(`step ${step.id} loads from ${step.from}, which extracts nothing`);
    const source = step.kind === 'load' ? byId.get(step.from) : undefined;
    if (source?.kind === 'extract' && source.landing !== undefined)
      problems.push(`step ${step.id} loads from ${source.id}, which is loaded apart`);
    if (step.kind === 'extract' && step.range !== undefined && !step.dependsOn.includes(step.range.step))
      problems.push(`step ${step.id} takes its range from ${step.range.step} without depending on it`);
    if (step.kind === 'acknowledge' && !isLoadedBefore(plan, step))
      problems.push(`step ${step.id} acknowledges what ${step.from} read before it is loaded`);
    if (
      step.kind === 'sweep' &&
      (byId.get(step.from)?.kind !== 'compare' || !step.dependsOn.includes(step.from))
    )
      problems.push(`step ${step.id} sweeps by ${step.from}, which compares nothing before it`);
    if (step.kind === 'extract' && step.repairs !== undefined && !step.dependsOn.includes(step.repairs))
      problems.push(`step ${step.id} repairs what ${step.repairs} finds without depending on it`);
    problems.push(...impossibleNames(step), ...impossibleWrites(plan, step));
  }
  if (!byId.has(plan.receiptStep)) problems.push(`the receipt step ${plan.receiptStep} does not exist`);
  if (problems.length === 0 && hasCycle(plan.steps)) problems.push('the steps form a cycle');
  if (problems.length > 0)
    throw new BatonError('ERR_PLAN_INVALID', {
      detail: `Pipeline ${plan.pipeline}: ${problems.join('; ')}.`,
    });
  return plan;
}

function isLoadedBefore({ steps }: Plan, { from, dependsOn }: AcknowledgeStep): boolean {
  return steps.some((step) => step.kind === 'load' && step.from === from && dependsOn.includes(step.id));
}

/** In capitals or with dashes a name would have to be quoted for ever; PostgreSQL cuts it after 63 characters. */
const namePattern = /^[a-z_][a-z0-9_]{0,62}$/;

function impossibleNames(step: Step): string[] {
  const problems: string[] = [];
  for (const table of tablesOf(step)) {
    const [schema = '', name = '', ...rest] = table.split('.');
    const isName = rest.length === 0 && namePattern.test(schema) && namePattern.test(name);
    if (!isName) problems.push(`step ${step.id} names the table ${table}, which no warehouse takes`);
    else
      for (const index of indexesOf(step, name))
        if (!namePattern.test(index))
          problems.push(`step ${step.id} names the index ${index}, which is too long`);
  }
  return problems;
}

/** Orders are enriched and have lines, and tables that others join by key have one row for each. */
function impossibleWrites(plan: Plan, step: Step): string[] {
  if (step.kind !== 'extract') return [];
  const { table, write, orders } = step.target;
  const traits = traitsOf(write);
  const problems: string[] = [];
  if (orders !== undefined && !traits.takesOrders)
    problems.push(`step ${step.id} loads orders by ${strategyOf(write)}; they are merged by upsert only`);
  if (step.range !== undefined && traits.readsEverything)
    problems.push(`step ${step.id} reads a range only, and would replace ${table} by it`);
  const reader = plan.steps.find((other) => readBy(other).includes(table));
  if (reader !== undefined && !traits.oneRowPerKey)
    problems.push(
      `step ${step.id} loads ${table} by ${strategyOf(write)}, and step ${reader.id} needs one row for each key`,
    );
  return problems;
}

/** Every table that a step reads or writes. */
function tablesOf(step: Step): readonly string[] {
  if (step.kind !== 'extract') return readBy(step);
  const { table, staging, write } = step.target;
  const hidden = strategyOf(write) === 'scd2' ? [hiddenTable(table)] : [];
  return [table, `staging.${staging}`, ...hidden, ...readBy(step)];
}

/** What the watermark of a step's loads is kept under: its stream's name, unless it is to be its own. */
export function watermarkOf(step: Pick<ExtractStep, 'landing' | 'watermark'>): string | undefined {
  return step.landing?.watermark ?? step.watermark;
}

/** The tables that a step joins by their keys. */
function readBy(step: Step): readonly string[] {
  if (step.kind === 'reconcile') return Object.values(step.tables);
  if (step.kind !== 'extract' || step.target.orders === undefined) return [];
  const { suppliers, rates } = step.target.orders;
  return suppliers === undefined ? [rates] : [suppliers, rates];
}

/** A loaded table has an index by batch, and those that its target asks for. */
function indexesOf(step: Step, table: string): readonly string[] {
  if (step.kind !== 'extract' || step.target.table.split('.')[1] !== table) return [];
  return ['batch', ...(step.target.indexes ?? [])].map((by) => indexName(table, by));
}

/** `fx` by `rate_date` is `fx_by_rate_date`. */
export function indexName(table: string, by: string): string {
  return `${table}_by_${by}`;
}

/** Everything a step waits for: what it names, and what it loads from. */
export function dependenciesOf(step: Step): readonly string[] {
  return step.kind === 'load' ? [...step.dependsOn, step.from] : step.dependsOn;
}

function hasCycle(steps: readonly Step[]): boolean {
  const waiting = new Map(steps.map((step) => [step.id, new Set(dependenciesOf(step))]));
  for (;;) {
    const free = [...waiting].filter(([, needs]) => needs.size === 0).map(([id]) => id);
    if (free.length === 0) return waiting.size > 0;
    for (const id of free) waiting.delete(id);
    for (const needs of waiting.values()) for (const id of free) needs.delete(id);
  }
}
