/** Names that cross a process boundary. Zod-free: workflows import this by value. */

export const taskQueues = {
  workflow: 'baton-workflow',
  control: 'baton-control',
  extract: 'baton-extract',
  extractBulk: 'baton-extract-bulk',
  load: 'baton-load',
  loadBulk: 'baton-load-bulk',
  transform: 'baton-transform',
  effect: 'baton-effect',
} as const;

export const searchAttributes = {
  pipeline: 'BatonPipeline',
  tenant: 'BatonTenant',
  trigger: 'BatonTrigger',
  logicalTime: 'BatonLogicalTime',
} as const;

/** What a run is or was, as stored. Retrying, parked, stuck, terminated and timed out are derived. */
export const runStates = [
  'queued',
  'running',
  'waiting',
  'succeeded',
  'partial',
  'failed',
  'cancelled',
  'skipped',
] as const;
export type RunState = (typeof runStates)[number];
export const finalRunStates: ReadonlySet<RunState> = new Set<RunState>([
  'succeeded',
  'partial',
  'failed',
  'cancelled',
  'skipped',
]);

export type Trigger = 'manual' | 'schedule' | 'api' | 'backfill' | 'tenants' | 'event';

/** Whose work comes first where all cannot be done at once: live before repair before backfill. */
export type RunClass = 'live' | 'repair' | 'backfill';

/** Temporal's priority keys, 1 to 5; a server without priorities takes no notice. */
export const priorityOf: Readonly<Record<RunClass, number>> = { live: 2, repair: 3, backfill: 4 };

/** RFC 3339 in UTC to the second, the form in which Temporal schedules append it to a workflow id. */
export function toLogicalTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** What a schedule of the pipeline prefixes; Temporal appends `-<logical time>`. */
export function runIdPrefix(pipeline: string, tenant: string): string {
  return `run/${pipeline}/${tenant}`;
}

/** Workflow id of a run, and its id everywhere else: one logical time is one run. */
export function runId(pipeline: string, tenant: string, logicalTime: string): string {
  return `${runIdPrefix(pipeline, tenant)}-${logicalTime}`;
}

/**
 * Id of the run that owns an interval: not to be confused with the live run of the same time, whose window its
 * watermark chooses. At most 200 characters whatever the names.
 */
export function intervalRunId(
  pipeline: string,
  tenant: string,
  window: { readonly from: string; readonly to: string },
): string {
  return `${runIdPrefix(pipeline, tenant)}-${window.from}--${window.to}`;
}

/** Stands for all tenants of a run that is mapped over them: no tenant can be called so. */
export const everyTenant = '*';

export function backfillId(short: string): string {
  return `backfill/${short}`;
}

export function scheduleId(pipeline: string, tenant: string): string {
  return `schedule/${pipeline}/${tenant}`;
}

/** One loader per (tenant, table): it loads what arrives in the lake, in order. */
export function loaderId(tenant: string, target: string): string {
  return `load/${tenant}/${target}`;
}

/** One workflow per incident: it serialises what is told of it. */
export function incidentWorkflowId(id: string): string {
  return `incident/${id}`;
}

/** One drainer per (connection, tenant): it sends what a run had to leave behind. */
export function drainId(connection: string, tenant: string): string {
  return `drain/${connection}/${tenant}`;
}

/** One workflow per version of a file. */
export function fileWorkflowId(connection: string, id: string): string {
  return `file/${connection}/${id}`;
}

/** One workflow per approved order. */
export function fulfilmentWorkflowId(id: string): string {
  return `fulfilment/${id}`;
}
