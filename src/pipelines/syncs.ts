import type { Plan, Step, SyncStep } from '../domain/plan.js';

/** What of a pipeline's settings its syncs depend on. */
export interface SyncSettings {
  readonly syncs?: readonly {
    readonly connection: string;
    readonly id: string;
    readonly mode: SyncStep['mode'];
    readonly withinMs: number | null;
    readonly timeoutMs: number;
  }[];
  readonly retries: number;
  readonly retryDelayMs: number;
}

/** The plan behind the syncs that its settings name: nothing is read before they have ended. */
export function afterSyncs(plan: Plan, { syncs = [], retries, retryDelayMs }: SyncSettings): Plan {
  if (syncs.length === 0) return plan;
  const retry = { retries, delayMs: retryDelayMs, maxDelayMs: 600_000 };
  const first = syncs.map(
    ({ connection, id, mode, withinMs, timeoutMs }, index): SyncStep => ({
      id: `sync_${connection.replaceAll('-', '_')}${index === 0 ? '' : `_${index + 1}`}`,
      kind: 'sync',
      title: `${mode === 'start' ? 'sync' : 'await'} ${id} at ${connection}`,
      dependsOn: [],
      connection,
      syncId: id,
      mode,
      withinMs,
      timeoutMs,
      retry,
    }),
  );
  const ids = first.map(({ id }) => id);
  const behind = plan.steps.map(
    (step): Step => (step.kind === 'extract' ? { ...step, dependsOn: [...ids, ...step.dependsOn] } : step),
  );
  return { ...plan, steps: [...first, ...behind] };
}
