import { checkPlan, type Plan } from '../../src/domain/plan.js';
import { type OrderPipelineSettings, poDataPipeline } from '../../src/pipelines/po-data-pipeline.js';

/** The bench's pipeline in baton.yaml. */
export const benchPipeline = 'po_data_pipeline';

const kept = new Set([
  'extract_orders',
  'extract_suppliers',
  'extract_rates',
  'load_suppliers',
  'load_rates',
  'load_orders',
]);

/** po_data_pipeline as far as its orders are in analytics.po_fact, enriched with supplier and rate. */
export function benchPlan(settings: OrderPipelineSettings): Plan {
  const whole = poDataPipeline.compile(settings, () => ({ acknowledges: false }));
  return checkPlan({
    ...whole,
    pipeline: benchPipeline,
    steps: whole.steps.filter((step) => kept.has(step.id)),
  });
}
