import { describe, expect, it } from 'vitest';
import { startBaton } from '../setup/baton.js';

interface Size {
  readonly read: number;
  readonly events: number;
  readonly largestPayload: number;
}

/**
 * A first run over so many orders, fifty a page. Its tickets are the same ones whatever the number: beyond a few
 * findings of a rule there is one for all of them.
 */
async function sizeOf(records: number): Promise<Size> {
  const settings = {
    BATON_CONNECTIONS__COUPA__LIMITS__REQUESTS_PER_SECOND: '1000',
    BATON_PIPELINES__PO_DATA_PIPELINE__SUMMARY_AFTER: '5',
  };
  const baton = await startBaton({ time: 'real', records, tenants: ['default'], settings });
  try {
    const { id, receipt } = await baton.run();
    const { events = [] } = await baton.client.workflow.getHandle(id).fetchHistory();
    const payloads = payloadsOf(events);
    expect(payloads.length).toBeGreaterThan(20);
    return { read: receipt.read, events: mostEvents(events ?? []), largestPayload: Math.max(...payloads) };
  } finally {
    await baton.stop();
  }
}

/** What a worker is woken by. */
const waking =
  /^(workflowExecution(Started|Signaled)|activityTask(Completed|Failed|TimedOut|Canceled)|timerFired|childWorkflowExecution(Started|Completed|Failed))EventAttributes$/;

/**
 * How many events the history has at most. What wakes a worker costs three of them, or less where several come at once:
 * that goes by the load of the machine, and not by the number of records.
 */
function mostEvents(events: readonly object[]): number {
  const kinds = events.map((event) =>
    Object.entries(event).flatMap(([name, value]) =>
      name.endsWith('EventAttributes') && value !== null && value !== undefined ? [name] : [],
    ),
  );
  const own = kinds.filter((names) => !names.some((name) => name.startsWith('workflowTask')));
  const woken = kinds.filter((names) => names.some((name) => waking.test(name)));
  expect(own.length + 3 * woken.length).toBeGreaterThanOrEqual(events.length);
  return own.length + 3 * woken.length;
}

/** Bytes of every payload, wherever in an event it is. */
function payloadsOf(value: unknown): number[] {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return [];
  if ('metadata' in value && 'data' in value && value.data instanceof Uint8Array)
    return [value.data.byteLength];
  return Object.values(value).flatMap(payloadsOf);
}

describe('the history of a run', () => {
  it('has fewer than 40 events for each further 100,000 records, and no payload beyond 64 KB', async () => {
    const some = await sizeOf(4_000);
    const many = await sizeOf(24_000);
    console.log(`history of ${some.read} and ${many.read} orders: ${JSON.stringify([some, many])}`);
    const further = (many.events - some.events) / ((many.read - some.read) / 100_000);
    expect(many.read - some.read).toBeGreaterThan(19_000);
    expect(further).toBeLessThan(40);
    expect(Math.max(some.largestPayload, many.largestPayload)).toBeLessThan(65_536);
  }, 180_000);
});
