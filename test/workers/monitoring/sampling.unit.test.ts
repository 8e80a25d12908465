import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { expect, it } from 'vitest';
import { loadSdk } from '../../../src/workers/monitoring/sdk.js';
import { outgoing } from '../../../src/workers/monitoring/tracing.js';

const sdk = await loadSdk();
const traces = 2_000;

/** How many spans of each of many traces of three spans are sent. */
function sentOf(ratio: number): number[] {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [outgoing(sdk, new SimpleSpanProcessor(exporter), ratio)],
  });
  const tracer = provider.getTracer('test');
  const ids = Array.from({ length: traces }, () => {
    const root = tracer.startSpan('RunWorkflow', {}, sdk.api.ROOT_CONTEXT);
    const within = sdk.api.trace.setSpan(sdk.api.ROOT_CONTEXT, root);
    for (const name of ['StartActivity', 'RunActivity']) tracer.startSpan(name, {}, within).end();
    root.end();
    return root.spanContext().traceId;
  });
  const seen = exporter.getFinishedSpans().map((span) => span.spanContext().traceId);
  return ids.map((id) => seen.filter((traceId) => traceId === id).length);
}

it('sends all traces, none, or about the share that is wanted, each whole', () => {
  expect(new Set(sentOf(1))).toEqual(new Set([3]));
  expect(new Set(sentOf(0))).toEqual(new Set([0]));
  const quarter = sentOf(0.25);
  expect(new Set(quarter)).toEqual(new Set([0, 3]));
  // Five standard deviations of a quarter of two thousand are 97.
  expect(Math.abs(quarter.filter((spans) => spans === 3).length - traces / 4)).toBeLessThan(97);
});
