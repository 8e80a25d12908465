import {
  type CompareStep,
  checkPlan,
  type ExtractStep,
  type LoadStep,
  type Plan,
  type Step,
  watermarkOf,
} from '../domain/plan.js';
import { strategyOf, traitsOf } from '../domain/write.js';
import { BatonError } from '../protocol/errors.js';

const prefix = 'complete:';
const sweepPrefix = 'sweep:';

/** What the run that completes a connection is called, where pipelines have their id. */
export function completionOf(connection: string): string {
  return `${prefix}${connection}`;
}

/** The connection that a run of this name completes; null when it is a pipeline's. */
export function completedBy(pipeline: string): string | null {
  return pipeline.startsWith(prefix) ? pipeline.slice(prefix.length) : null;
}

/** The same of the run that looks for what was deleted. */
export function sweepOf(connection: string): string {
  return `${sweepPrefix}${connection}`;
}

export function sweptBy(pipeline: string): string | null {
  return pipeline.startsWith(sweepPrefix) ? pipeline.slice(sweepPrefix.length) : null;
}

export interface SweepRequest extends Pick<CompletionRequest, 'connection' | 'hasKeys'> {
  readonly maxShare: number;
  /** For all tables together. */
  readonly maxCalls: number;
}

/** Lists everything that the connection has for each table of one row a key, and marks what is gone. */
export function sweepPlan(plans: readonly Plan[], request: SweepRequest): Plan {
  const { connection, maxShare } = request;
  const tables = new Map<string, ExtractStep>();
  for (const step of plans.flatMap(({ steps }) => steps))
    if (step.kind === 'extract' && step.connection === connection && isComparable(step, request))
      if (traitsOf(step.target.write).oneRowPerKey && strategyOf(step.target.write) !== 'scd2')
        if (!tables.has(step.target.table)) tables.set(step.target.table, step);
  const maxCalls = Math.floor(request.maxCalls / Math.max(1, tables.size));
  const steps = [...tables.values()].flatMap((step): Step[] => {
    const name = step.target.table.replace('.', '_');
    const others = watermarksOf(plans, step);
    const compared = { ...comparison(step, { sinceMs: null }, others), id: `list_${name}`, maxCalls };
    const title = `mark what is gone from ${step.target.table}`;
    const dependsOn = [compared.id];
    return [
      { ...compared, title: `list ${connection} ${step.stream.replaceAll('_', ' ')}`, initialValue: null },
      { id: `sweep_${name}`, kind: 'sweep', title, dependsOn, from: compared.id, maxShare, maxCalls },
    ];
  });
  const [first] = steps;
  if (first === undefined)
    throw new BatonError('ERR_USAGE', {
      detail: `Nothing of ${connection} is to be swept: no pipeline loads a stream of it whose keys the vendor can list and whose deletions it does not tell of itself.`,
    });
  return checkPlan({
    pipeline: sweepOf(connection),
    description: `What ${connection} does not have any more, marked as deleted.`,
    receiptStep: first.id,
    concurrency: 1,
    steps,
  });
}

function nothingToCompare(connection: string): BatonError {
  return new BatonError('ERR_USAGE', {
    detail: `Nothing of ${connection} can be compared: no pipeline loads a stream of it whose keys the vendor can list.`,
  });
}

export interface CompletionRequest {
  readonly connection: string;
  /** How far back; null = from the beginning. */
  readonly sinceMs: number | null;
  /** Whether the vendor can list a stream's keys. */
  readonly hasKeys: (connection: string, stream: string) => boolean;
}

/**
 * Compares every table that today's pipelines load from the connection with what the vendor lists, and reads again
 * what differs, through the same steps as any run: what a pipeline enriches these records with comes along.
 */
export function completionPlan(plans: readonly Plan[], request: CompletionRequest): Plan {
  const { connection } = request;
  const steps: Step[] = [];
  const tables = new Set<string>();
  for (const plan of plans) {
    const ids = new Set(steps.map(({ id }) => id));
    const found = completionSteps(plan, plans, request, tables);
    const isDoubled = found.some(({ id }) => ids.has(id));
    steps.push(...(isDoubled ? found.map((step) => renamed(step, plan.pipeline)) : found));
  }
  const [first] = steps.filter((step) => step.kind === 'extract');
  if (first === undefined) throw nothingToCompare(connection);
  return checkPlan({
    pipeline: completionOf(connection),
    description: `What lake and warehouse lack of ${connection}, found and read again.`,
    receiptStep: first.id,
    concurrency: 1,
    steps,
  });
}

/** Whether a table can be compared: one that is replaced as a whole, or by groups, would lose what is not read again. */
export function isComparable(step: ExtractStep, { hasKeys }: Pick<CompletionRequest, 'hasKeys'>): boolean {
  const { write } = step.target;
  const byGroups = write?.disposition === 'merge' && 'mergeKey' in write && write.mergeKey !== undefined;
  return !traitsOf(write).readsEverything && !byGroups && hasKeys(step.connection, step.stream);
}

/** Each table once, by the first pipeline that loads it; `tables` are those that are taken. */
function completionSteps(
  plan: Plan,
  plans: readonly Plan[],
  request: CompletionRequest,
  tables: Set<string>,
): Step[] {
  const extracts = plan.steps.filter((step) => step.kind === 'extract');
  const repaired = extracts.filter(
    (step) =>
      step.connection === request.connection && isComparable(step, request) && !tables.has(step.target.table),
  );
  for (const { target } of repaired) tables.add(target.table);
  const along = extracts.filter(
    (step) => step.range !== undefined && repaired.some(({ id }) => id === step.range?.step),
  );
  const kept = new Set([...repaired, ...along].map(({ id }) => id));
  const loads = plan.steps.filter((step) => step.kind === 'load').filter(({ from }) => kept.has(from));
  for (const { id } of loads) kept.add(id);
  const loaded = new Set(loads.map(({ from }) => from));
  const within = (ids: readonly string[]) => ids.filter((id) => kept.has(id));
  return [
    ...repaired.map((step) => comparison(step, request, watermarksOf(plans, step))),
    ...repaired.map((step) => repair(step)),
    ...along.map((step) => ({ ...step, dependsOn: within(step.dependsOn) })),
    ...loads.map((step): LoadStep => ({ ...step, dependsOn: within(step.dependsOn) })),
    // What a loader takes from the lake otherwise is merged by the run itself: it waits for what is found.
    ...repaired.filter(({ id }) => !loaded.has(id)).map(loadOf),
  ];
}

/** Under what the loads of a step's table are noted, by whatever pipeline. */
function watermarksOf(
  plans: readonly Plan[],
  { connection, stream, target }: ExtractStep,
): readonly string[] {
  const names = plans
    .flatMap(({ steps }) => steps)
    .filter((step) => step.kind === 'extract')
    .filter((step) => step.connection === connection && step.target.table === target.table)
    .map((step) => watermarkOf(step) ?? stream);
  return [...new Set(names)];
}

function comparison(
  step: ExtractStep,
  { sinceMs }: Pick<CompletionRequest, 'sinceMs'>,
  watermarks: readonly string[],
): CompareStep {
  const { connection, stream, target, retry, initialValue, lagMs } = step;
  const watermark = watermarkOf(step) ?? stream;
  const otherWatermarks = watermarks.filter((name) => name !== watermark);
  return {
    id: compareId(step.id),
    kind: 'compare',
    title: `compare ${connection} ${stream.replaceAll('_', ' ')}`,
    dependsOn: [],
    connection,
    stream,
    target,
    retry,
    sinceMs,
    initialValue,
    watermark,
    ...(otherWatermarks.length === 0 ? {} : { otherWatermarks }),
    lagMs,
  };
}

function repair(step: ExtractStep): ExtractStep {
  const { landing: _, ...rest } = step;
  const repairs = compareId(step.id);
  const title = `read again ${step.connection} ${step.stream.replaceAll('_', ' ')}`;
  return { ...rest, title, dependsOn: [repairs], repairs };
}

function loadOf({ id, target }: ExtractStep): LoadStep {
  return {
    id: id.replace(/^extract_/, 'load_'),
    kind: 'load',
    title: `merge ${target.table}`,
    dependsOn: [],
    from: id,
  };
}

function compareId(extractId: string): string {
  return extractId.replace(/^extract_/, 'compare_');
}

/** The same step under a name that another pipeline's cannot have. */
function renamed<S extends Step>(step: S, pipeline: string): S {
  const name = (id: string) => `${pipeline}.${id}`;
  return {
    ...step,
    id: name(step.id),
    dependsOn: step.dependsOn.map(name),
    ...(step.kind === 'load' || step.kind === 'sweep' ? { from: name(step.from) } : {}),
    ...(step.kind === 'extract' && step.repairs !== undefined ? { repairs: name(step.repairs) } : {}),
    ...(step.kind === 'extract' && step.range !== undefined
      ? { range: { ...step.range, step: name(step.range.step) } }
      : {}),
  };
}
