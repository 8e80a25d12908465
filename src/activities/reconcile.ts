import { activityInfo } from '@temporalio/activity';
import type { TransformActivities } from '../protocol/activities.js';
import { orderRules } from '../quality/rules/index.js';
import { asActivity } from './failure.js';
import type { ActivityDeps } from './ports.js';

export function createTransformActivities(deps: ActivityDeps): TransformActivities {
  return {
    /** Checks changed and open orders against every rule, in one transaction of the warehouse. */
    reconcile: ({ runId, tenant, step }) =>
      asActivity(deps.log, { run: runId, step: step.id }, async (signal) => {
        await deps.runs.stepStarted(runId, step.id, activityInfo().attempt);
        const counts = await deps.warehouse.during(signal).reconcile(orderRules, {
          runId,
          tenant,
          source: step.source,
          tables: step.tables,
          threshold: step.threshold,
          tolerance: step.tolerance,
          reportingCurrency: step.reportingCurrency,
          highPriority: step.highPriority,
        });
        await deps.runs.stepCounted(runId, step.id, {
          checked: counts.checked,
          discrepancies: counts.opened,
          mended: counts.resolved,
        });
        await deps.runs.stepEnded(runId, step.id, 'succeeded', null);
        return { opened: counts.opened, resolved: counts.resolved };
      }),
  };
}
