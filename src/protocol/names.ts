/** Names that cross a process boundary. Zod-free: workflows import this by value. */

export const taskQueues = {
  workflow: 'baton-workflow',
  control: 'baton-control',
  extract: 'baton-extract',
  load: 'baton-load',
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

export type Trigger = 'manual' | 'schedule' | 'api';

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

export function scheduleId(pipeline: string, tenant: string): string {
  return `schedule/${pipeline}/${tenant}`;
}

/** One loader per (tenant, table): it loads what arrives in the lake, in order. */
export function loaderId(tenant: string, target: string): string {
  return `load/${tenant}/${target}`;
}

/** One drainer per (connection, tenant): it sends what a run had to leave behind. */
export function drainId(connection: string, tenant: string): string {
  return `drain/${connection}/${tenant}`;
}
