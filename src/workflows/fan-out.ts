import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  defineSignal,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { FanOutStart, FanOutTurn } from '../protocol/fan-out.js';
import { priorityOf } from '../protocol/names.js';
import { runAttributes } from '../protocol/search-attributes.js';
import { activitiesFor, type Beneficiary } from './activities.js';

/** A run has ended, or a person asked for something: the rows say what. */
export const fanOutChanged = defineSignal('fanOutChanged');

/** How long a lost bell can delay a fan-out; one that is paused changes by a person only. */
const longestWait = { running: '60s', paused: '10m' } as const;
/** Far below what the server suggests: a history this long is loaded in a moment. */
const mostEvents = 2_000;

export interface FanOut {
  readonly id: string;
  readonly title: string;
  readonly of: Beneficiary;
  /** An execution that follows another one directly, all of whose runs were started. */
  readonly continued: boolean;
  readonly onTurn?: (turn: FanOutTurn) => void;
  /** Goes on in a new execution; never returns. */
  readonly continueAsNew: () => Promise<never>;
}

/**
 * Keeps as many runs under way as the rows allow until none is left. The runs outlive this workflow, whatever becomes
 * of it, and ring its bell when they end; the rows are looked at, never remembered. Cancelled, it cancels them first.
 */
export async function driveFanOut(fanOut: FanOut): Promise<FanOutTurn> {
  let bell = 0;
  setHandler(fanOutChanged, () => {
    bell += 1;
  });
  const { control } = activitiesFor(fanOut.title, fanOut.of);
  let resumed = !fanOut.continued;
  const turns = async (): Promise<FanOutTurn> => {
    for (;;) {
      const heard = bell;
      const turn = await control.advanceFanOut({ id: fanOut.id, resumed });
      resumed = false;
      fanOut.onTurn?.(turn);
      tell(turn);
      await Promise.all(turn.start.map(startRun));
      if (hasEnded(turn)) return turn;
      if (shouldContinue()) await fanOut.continueAsNew();
      const wait = turn.state === 'paused' && turn.counts.running === 0 ? 'paused' : 'running';
      await condition(() => bell > heard, longestWait[wait]);
    }
  };
  try {
    return await turns();
  } catch (cause) {
    if (!isCancellation(cause)) throw cause;
    return CancellationScope.nonCancellable(async () => {
      await control.cancelFanOut({ id: fanOut.id });
      return turns();
    });
  }
}

function hasEnded({ state }: FanOutTurn): boolean {
  return state === 'succeeded' || state === 'partial' || state === 'failed' || state === 'cancelled';
}

function shouldContinue(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > mostEvents;
}

/** One that runs already is the one that was wanted: its id is its work. Twice is told apart by the run's own claim. */
async function startRun({ id, input }: FanOutStart): Promise<void> {
  try {
    await startChild('runPipeline', {
      workflowId: id,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      typedSearchAttributes: runAttributes(input),
      staticSummary: `${input.pipeline} for ${input.tenant}, ${input.logicalTime}`,
      priority: { priorityKey: priorityOf[input.class ?? 'live'], fairnessKey: input.tenant },
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** Current details, as the Temporal Web UI shows them. */
function tell({ state, counts }: FanOutTurn): void {
  const parts = Object.entries(counts).filter(([, items]) => items > 0);
  setCurrentDetails(`**${state}**\n\n${parts.map(([name, items]) => `- ${items} ${name}`).join('\n')}`);
}
