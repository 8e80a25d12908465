import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { bundleWorkflowCode, DefaultLogger, type ReplayWorkerOptions, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { traceModule } from '../../src/workers/monitoring/tracing.js';
import { canaries, quieten } from '../setup/baton.js';
import { historiesFolder } from '../setup/record.js';

interface Recorded {
  readonly workflowId: string;
  readonly events: readonly unknown[];
}

const names = readdirSync(historiesFolder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => path.basename(file, '.json'));

function textOf(name: string): string {
  return readFileSync(path.join(historiesFolder, `${name}.json`), 'utf8');
}

/** All payloads of a history, decoded. */
function payloadsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(payloadsOf);
  if (value === null || typeof value !== 'object') return [];
  const { metadata, data } = value as { metadata?: { encoding?: string }; data?: string };
  if (metadata?.encoding !== undefined)
    return data === undefined ? [] : [Buffer.from(data, 'base64').toString()];
  return Object.values(value).flatMap(payloadsOf);
}

/** The bundle's code, changed as if somebody had edited a workflow. The old text must be there. */
function edited(code: string, before: string, after: string): string {
  expect(code).toContain(before);
  return code.replaceAll(before, after);
}

function replay(name: string, workflowBundle: NonNullable<ReplayWorkerOptions['workflowBundle']>) {
  const { workflowId, events } = JSON.parse(textOf(name)) as Recorded;
  return Worker.runReplayHistory({ workflowBundle }, { events }, workflowId);
}

describe('recorded histories', () => {
  beforeAll(quieten);

  it('are there for every way in which a workflow can go', () => {
    expect(names).toEqual(
      expect.arrayContaining([
        'complete-nothing-lacking',
        'complete-repaired',
        'drain-alert',
        'drain-brief',
        'drain-down',
        'load-arrived',
        'load-refused-by-warehouse',
        'run-again',
        'run-cancelled',
        'run-cancelled-waiting',
        'run-desk-down',
        'run-failed',
        'run-own-staging-refused',
        'run-landing',
        'run-retry-after',
        'run-scheduled',
        'run-stager-called',
        'run-success',
        'run-taken',
        'run-vendor-down',
        'run-waiting',
        'run-workers-lost',
        'server-cancelled',
        'server-retry-after',
        'server-scheduled',
        'stager-beside-cancelled',
        'stager-beside-failed',
        'stager-beside-success',
        'stager-beside-waiting',
        'sweep-marked',
        'sweep-refused',
      ]),
    );
  });

  it.each(names)('%s replays with the workflows of today', async (name) => {
    await replay(name, { codePath: inject('workflowBundlePath') });
  });

  describe('where traces are made too', () => {
    let code: string;
    beforeAll(async () => {
      const folder = path.join(inject('distPath'), 'workflows');
      ({ code } = await bundleWorkflowCode({
        workflowsPath: path.join(folder, 'index.js'),
        workflowInterceptorModules: [traceModule(), path.join(folder, 'interceptors.js')],
        logger: new DefaultLogger('ERROR'),
      }));
    });
    it.each(names)('%s, of before, replays', async (name) => {
      await replay(name, { code });
    });
  });

  it.each(names)('%s holds references and counts, no order, no secret', (name) => {
    const text = textOf(name);
    const payloads = payloadsOf(JSON.parse(text));
    expect(payloads.length).toBeGreaterThan(2);
    expect(Math.max(...payloads.map((payload) => Buffer.byteLength(payload)))).toBeLessThan(64 * 1024);
    const all = [text, ...payloads].join('\n');
    for (const secret of Object.values(canaries))
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
        expect(all).not.toContain(form);
    // Keys and values that only an order, a supplier, a customer or a token of the sandbox has.
    expect(all).not.toMatch(/po-number|po_number"|order-lines|supplier_name|PO-?\d{4}|Bearer |access_token/);
  });
});

describe('a changed workflow does not replay', () => {
  const bundle = () => readFileSync(inject('workflowBundlePath'), 'utf8');
  const cases: readonly (readonly [what: string, history: string, before: string, after: string])[] = [
    ['an activity renamed', 'run-success', 'await mergeBatch(', 'await load.mergeRecords('],
    ['an activity left out', 'run-success', 'await control.planTickets(', 'await (() => {})('],
    [
      'staging before extraction',
      'stager-beside-success',
      'const extracting = extractStream(',
      'await stage.stageBatch({}); const extracting = extractStream(',
    ],
    ['a stager for few records', 'run-success', 'done?.staged !== void 0', 'false'],
    ['no stager for many records', 'run-stager-called', 'run.stagerWanted(step.id)', 'false'],
    ['a merge of what is merged', 'run-success', 'staged.few?.merged', 'false'],
    [
      'an activity more',
      'run-success',
      'let error = null;',
      'let error = null; await control.acquireSlot({});',
    ],
    ['no look for a slot', 'stager-beside-waiting', 'if (has) break;', 'break;'],
    ['a slot taken for granted', 'run-waiting', 'if (has) break;', 'break;'],
    ['a second look for a slot', 'run-success', 'has === void 0', 'true'],
    ['another pause between rounds', 'run-desk-down', 'if (round < ', 'if (round > '],
    [
      'an end of the run that cancels',
      'run-cancelled',
      'CancellationScope.nonCancellable(',
      'CancellationScope.cancellable(',
    ],
    ['a failure that does not end in the books', 'run-failed', 'control.noteStep(', 'control.acquireSlot('],
    ['a loader that gives up', 'load-refused-by-warehouse', 'bell > heard, mendingPoll)', 'bell > heard)'],
    ['staging in a run that only lands', 'run-landing', 'step.landing === void 0', 'true'],
    ['a drainer that gives up', 'drain-brief', 'if (bell > heard) continue;', 'if (sent.open > 0) return;'],
  ];

  it.each(cases)('%s (%s)', async (_what, history, before, after) => {
    const code = edited(bundle(), before, after);
    await expect(replay(history, { code })).rejects.toThrow(DeterminismViolationError);
  });
});
