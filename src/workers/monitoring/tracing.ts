import { createRequire } from 'node:module';
import type { IResource } from '@opentelemetry/resources';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { OtlpPlace } from '../../config/index.js';
import type { Logger } from '../../observability/logger.js';
import { revealed } from './headers.js';
import { resourceOf } from './resource.js';
import { loadSdk, type Sdk } from './sdk.js';
import { shownSpan } from './shown-span.js';

/** What makes traces of runs, their steps and activities. */
export interface Tracing {
  readonly clientInterceptors: readonly WorkflowClientInterceptor[];
  readonly activityInterceptors: readonly ActivityInterceptorsFactory[];
  /** For the bundle of workflows. */
  readonly workflowModules: readonly string[];
  readonly sinks: InjectedSinks<never>;
  /** Sends what is still here; a few seconds at most. */
  close(): Promise<void>;
}

const closeWithinMs = 5_000;

/** What makes spans of workflows, in their bundle: https://docs.temporal.io/develop/typescript/observability#tracing */
export function traceModule(): string {
  return createRequire(import.meta.url).resolve(
    '@temporalio/interceptors-opentelemetry/lib/workflow-interceptors',
  );
}

/** Null when there is no place for traces. Once a process: OpenTelemetry keeps its provider for all of it. */
export async function openTracing(place: OtlpPlace | null, log: Logger): Promise<Tracing | null> {
  if (place === null || place.traces === null) return null;
  const sdk = await loadSdk();
  logTroubles(sdk, log);
  const resource = resourceOf(sdk, place.serviceName);
  const { url, headers } = place.traces;
  const exporter = new sdk.traceExporter.OTLPTraceExporter({ url, headers: revealed(headers) });
  const processor = outgoing(sdk, new sdk.trace.BatchSpanProcessor(exporter), place.sampleRatio);
  const provider = new sdk.trace.NodeTracerProvider({
    resource,
    spanProcessors: [processor],
    sampler: new sdk.trace.AlwaysOnSampler(),
  });
  provider.register();
  const { OpenTelemetryActivityInboundInterceptor, OpenTelemetryWorkflowClientInterceptor } = sdk.temporal;
  return {
    clientInterceptors: [new OpenTelemetryWorkflowClientInterceptor()],
    activityInterceptors: [
      (context) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(context) }),
      () => ({
        inbound: {
          execute(input, next) {
            sdk.api.trace.getActiveSpan()?.setAttributes(aboutOf(input.args[0]));
            return next(input);
          },
        },
      }),
    ],
    workflowModules: [traceModule()],
    sinks: workflowSinks(sdk, processor, resource),
    async close() {
      const late = new Promise((resolve) => setTimeout(resolve, closeWithinMs).unref());
      await Promise.race([provider.shutdown().catch(() => {}), late]);
    },
  };
}

function workflowSinks({ temporal }: Sdk, processor: SpanProcessor, resource: IResource) {
  return { exporter: temporal.makeWorkflowExporter(processor, resource as never) } as InjectedSinks<never>;
}

/** Its own troubles, such as a collector that is away, are lines of our log. */
function logTroubles({ api }: Sdk, log: Logger): void {
  const warn = (message: string) =>
    log.warn({ detail: message.slice(0, 500) }, 'telemetry could not be sent');
  const nothing = () => {};
  api.diag.setLogger(
    { error: warn, warn, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** What an activity is about, as its argument has it: ids and names, never contents. */
function aboutOf(argument: unknown): Record<string, string> {
  if (typeof argument !== 'object' || argument === null) return {};
  const { runId, tenant, pipeline, connection, step } = argument as Record<string, unknown>;
  const stepId = typeof step === 'object' && step !== null && 'id' in step ? step.id : undefined;
  const all = { run_id: runId, tenant, pipeline, connection, step: stepId };
  return Object.fromEntries(
    Object.entries(all).flatMap(([key, value]): [string, string][] =>
      typeof value === 'string' ? [[`baton.${key}`, value.slice(0, 200)]] : [],
    ),
  );
}

/**
 * Passes spans on as they may be seen outside, of so many traces. Which ones is decided here, by their ids: a run's first
 * span is made in the workflow, where no sampler is, and all of a trace go or none.
 */
export function outgoing({ api, trace }: Sdk, inner: SpanProcessor, ratio: number): SpanProcessor {
  const sampler = new trace.TraceIdRatioBasedSampler(ratio);
  const isSent = (traceId: string) =>
    ratio === 1 ||
    sampler.shouldSample(api.ROOT_CONTEXT, traceId).decision === trace.SamplingDecision.RECORD_AND_SAMPLED;
  return {
    onStart: (span, context) => inner.onStart(span, context),
    onEnd(span) {
      if (isSent(span.spanContext().traceId)) inner.onEnd(shownSpan(span));
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };
}
