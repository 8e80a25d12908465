import type { InboxRow } from '../../control/inbox.js';
import type { EventRule } from '../../domain/event.js';
import { runId, toLogicalTime } from '../../protocol/names.js';
import type { Consumer } from '../consumer.js';

/**
 * Starts a run of the rule's pipeline. Events that wait together start one: a run takes all that has changed, and one
 * for each would only queue.
 */
export const run: Consumer = {
  most: 1_000,
  async handle(events, { rule }) {
    const started = new Map<string, { readonly pipeline: string; readonly last: InboxRow }>();
    const outcomes = events.map((event) => {
      const pipeline = pipelineOf(rule(event.rule));
      if (pipeline === null)
        return {
          id: event.id,
          state: 'rejected' as const,
          reason: `No rule names a pipeline for it any more (it was ${event.rule}).`,
        };
      started.set(pipeline, { pipeline, last: event });
      return { id: event.id, state: 'processed' as const, by: '', pipeline };
    });
    const bells = [...started.values()].map(({ pipeline, last }) => {
      const { tenant } = last;
      const logicalTime = toLogicalTime(last.accepted_at);
      return {
        workflowId: runId(pipeline, tenant, logicalTime),
        workflowType: 'runPipeline',
        signal: null,
        input: { pipeline, tenant, logicalTime, trigger: 'event', fullRefresh: false, inputs: {} },
      };
    });
    const runOf = new Map(bells.map(({ workflowId, input }) => [input.pipeline, workflowId]));
    return {
      bells,
      outcomes: outcomes.map((outcome) =>
        outcome.state === 'processed'
          ? { id: outcome.id, state: outcome.state, by: runOf.get(outcome.pipeline) ?? '' }
          : outcome,
      ),
    };
  },
};

function pipelineOf(rule: EventRule | null): string | null {
  return rule?.do === 'run' ? (rule.pipeline ?? null) : null;
}
