import { context, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { expect, it } from 'vitest';
import { Secret } from '../../../src/domain/secret.js';
import { shownSpan } from '../../../src/workers/monitoring/shown-span.js';

it('shows of a span no secret, no object, and nothing endless', () => {
  const secret = new Secret('canary/span?secret').reveal();
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const span = provider.getTracer('test').startSpan(
    'RunActivity:x',
    {
      attributes: { plain: 'a', count: 2, token: `Bearer ${secret}`, list: ['x'], long: 'y'.repeat(9_000) },
    },
    trace.deleteSpan(context.active()),
  );
  span.recordException(new Error(`GET https://example.com/?key=${encodeURIComponent(secret)} failed`));
  span.setStatus({ code: 2, message: `refused ${Buffer.from(secret).toString('base64')}` });
  span.end();
  const [ended] = exporter.getFinishedSpans();
  if (ended === undefined) return expect.unreachable();
  const shown = shownSpan(ended);
  const { attributes, events, status } = shown;
  expect(attributes).toEqual({ plain: 'a', count: 2, token: 'Bearer [secret]', long: 'y'.repeat(1_000) });
  expect(status).toEqual({ code: 2, message: 'refused [secret]' });
  expect(events[0]?.attributes?.['exception.message']).toBe('GET https://example.com/?key=[secret] failed');
  for (const form of [secret, encodeURIComponent(secret)])
    expect(JSON.stringify({ attributes, events, status })).not.toContain(form);
  // All else is the span's own.
  expect([shown.name, shown.kind, shown.spanContext(), shown.startTime]).toEqual([
    ended.name,
    ended.kind,
    ended.spanContext(),
    ended.startTime,
  ]);
});
