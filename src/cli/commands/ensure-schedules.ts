import type { BatonClient } from '../../client/index.js';
import { type BatonConfig, configuredPipelines } from '../../config/index.js';
import { everyTenant } from '../../protocol/names.js';

export interface AppliedSchedule {
  readonly pipeline: string;
  readonly tenant: string;
  readonly cron: string;
  readonly timezone: string;
  readonly done: 'created' | 'updated' | 'removed';
}

/**
 * Creates the schedules of the configuration or brings them up to date; one that a person paused stays paused. Of a
 * pipeline that is mapped over its tenants there is one, and else one for each: what stands for the other is removed.
 */
export async function ensureSchedules(config: BatonConfig, client: BatonClient): Promise<AppliedSchedule[]> {
  const applied: AppliedSchedule[] = [];
  for (const [pipeline, { schedule, tenants }] of configuredPipelines(config)) {
    const { mapped, maxParallel, toleratedFailures: toleratedPercent } = tenants;
    const { cron, timezone } = schedule;
    for (const tenant of mapped ? [everyTenant] : config.tenants) {
      const how = mapped ? { mapped: { maxParallel, toleratedPercent } } : {};
      const done = await client.ensureSchedule(pipeline, tenant, { ...schedule, ...how });
      applied.push({ pipeline, tenant, cron, timezone, done });
    }
    for (const tenant of mapped ? config.tenants : [everyTenant])
      if (await client.removeSchedule(pipeline, tenant))
        applied.push({ pipeline, tenant, cron, timezone, done: 'removed' });
  }
  return applied;
}
