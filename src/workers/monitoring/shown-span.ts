import type { Attributes } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { redact } from '../../domain/secret.js';

const mostChars = 1_000;

/**
 * A span as it may be seen outside: its texts pass the same last filter as our log, and of its attributes those stay that
 * are texts and numbers, for Temporal's hold a workflow's memo and last result too.
 */
export function shownSpan(span: ReadableSpan): ReadableSpan {
  return Object.create(span, {
    attributes: { value: shown(span.attributes), enumerable: true },
    status: { value: { ...span.status, ...messageOf(span.status.message) }, enumerable: true },
    events: {
      value: span.events.map((event) => ({ ...event, attributes: shown(event.attributes ?? {}) })),
      enumerable: true,
    },
  }) as ReadableSpan;
}

function shown(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]): [string, string | number | boolean][] => {
      if (typeof value === 'string') return [[name, clean(value)]];
      return typeof value === 'number' || typeof value === 'boolean' ? [[name, value]] : [];
    }),
  );
}

function messageOf(message: string | undefined): { message?: string } {
  return message === undefined ? {} : { message: clean(message) };
}

function clean(text: string): string {
  return redact(text).slice(0, mostChars);
}
