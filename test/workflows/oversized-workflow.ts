import {
  executeChild,
  getExternalWorkflowHandle,
  makeContinueAsNewFunc,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';

const activities = proxyActivities<{
  take(text: string): Promise<number>;
  give(bytes: number): Promise<string>;
}>({
  startToCloseTimeout: '10s',
});

export type Way = 'argument' | 'result' | 'child' | 'signal' | 'again';

/** Sends `bytes` of JSON on one of the ways out of a workflow, or has them given back. */
export async function send(way: Way, bytes: number): Promise<number> {
  const text = 'x'.repeat(bytes - 4);
  switch (way) {
    case 'argument':
      return activities.take(text);
    case 'result':
      return (await activities.give(bytes)).length;
    case 'child':
      return executeChild(receive, { args: [text] });
    case 'signal':
      await getExternalWorkflowHandle(workflowInfo().workflowId).signal('any', text);
      return 0;
    case 'again':
      return makeContinueAsNewFunc<typeof receive>({ workflowType: 'receive' })(text);
  }
}

export async function receive(text: string): Promise<number> {
  return text.length;
}
