import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { findGoProgram } from './go-program.js';
import { serve, type TestServer, temporaryFolder } from './shared.js';

export interface OtlpAttribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string;
    readonly doubleValue?: number;
  };
}

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes?: readonly OtlpAttribute[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface OtlpPoint {
  readonly attributes?: readonly OtlpAttribute[];
  readonly asDouble?: number;
  readonly startTimeUnixNano?: string;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}

export interface OtlpMetric {
  readonly name: string;
  readonly gauge?: { readonly dataPoints: readonly OtlpPoint[] };
  readonly sum?: {
    readonly dataPoints: readonly OtlpPoint[];
    readonly isMonotonic?: boolean;
    readonly aggregationTemporality: number;
  };
  readonly histogram?: { readonly dataPoints: readonly OtlpPoint[]; readonly aggregationTemporality: number };
}

/** OpenTelemetry's own collector, and what it made of what it was sent. */
export interface Collector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string;
  /** Of each request that came for the collector. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** All that the collector passed on, as text. */
  received(): string;
  spans(): OtlpSpan[];
  /** Of the last time that metrics of this kind came. */
  metrics(prefix: string): OtlpMetric[];
  /** So many requests that come for the collector are refused for good. */
  refuse(times: number): void;
  /** The resources that something came from. */
  resources(): (readonly OtlpAttribute[])[];
  /** From now on nobody takes anything. */
  stop(): Promise<void>;
}

/** Where its program is on this machine; null = tests that need it say so and pass by. */
export function findCollector(): string | null {
  const found = findGoProgram('baton-otelcol', 'OTELCOL_PATH');
  if (found === null)
    console.log(
      'no collector of OpenTelemetry on this machine: what is sent to it is not tested (see .ci/run)',
    );
  return found;
}

interface Exported {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
  readonly resourceMetrics?: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
  }[];
}

/** https://opentelemetry.io/docs/collector/configuration/; between us and it, and behind it, stands a server that notes what comes by. */
export async function startCollector(found: string): Promise<Collector> {
  const folder = temporaryFolder('collector');
  const { ports } = await choosePorts({ temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 });
  const own = `127.0.0.1:${ports.gateway}`;
  const headers: IncomingHttpHeaders[] = [];
  const bodies: string[] = [];
  let refusals = 0;
  const beside = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const body = Buffer.concat(chunks);
      const [, way, ...rest] = (request.url ?? '').split('/');
      if (way === 'out') {
        bodies.push(body.toString());
        return response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      }
      headers.push(request.headers);
      if (refusals-- > 0) return response.writeHead(400).end();
      const answer = await fetch(`http://${own}/${rest.join('/')}`, {
        method: 'POST',
        body,
        headers: {
          'content-type': request.headers['content-type'] ?? '',
          ...(request.headers['content-encoding'] === undefined
            ? {}
            : { 'content-encoding': request.headers['content-encoding'] }),
        },
      }).catch(() => null);
      const taken = answer === null ? Buffer.alloc(0) : Buffer.from(await answer.arrayBuffer());
      return response
        .writeHead(answer?.status ?? 503, { 'content-type': 'application/x-protobuf' })
        .end(taken);
    });
  });
  await new Promise<void>((resolve) => beside.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(beside.address() as AddressInfo).port}`;
  const config = path.join(folder, 'collector.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      receivers: { otlp: { protocols: { http: { endpoint: own } } } },
      exporters: {
        otlp_http: {
          endpoint: `${url}/out`,
          encoding: 'json',
          compression: 'none',
          sending_queue: { enabled: false },
        },
      },
      service: {
        telemetry: { metrics: { level: 'none' } },
        pipelines: {
          traces: { receivers: ['otlp'], exporters: ['otlp_http'] },
          metrics: { receivers: ['otlp'], exporters: ['otlp_http'] },
        },
      },
    }),
  );
  const server: TestServer = await serve(
    {
      name: 'collector',
      title: 'OpenTelemetry collector',
      program: found,
      args: ['--config', `file:${config}`],
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder },
      // It answers 405 to what is no POST: it is there.
      ready: { probe: async () => (await fetch(`http://${own}/v1/traces`).catch(() => null)) !== null },
      stopSignal: 'SIGTERM',
      graceMs: 5_000,
      error: 'ERR_INTERNAL',
    },
    folder,
  );
  const exported = () => bodies.map((body) => JSON.parse(body) as Exported);
  return {
    endpoint: `${url}/in`,
    headers,
    received: () => bodies.join('\n'),
    spans: () =>
      exported().flatMap(({ resourceSpans = [] }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      ),
    metrics(prefix) {
      const all = exported().map(({ resourceMetrics = [] }) =>
        resourceMetrics
          .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
          .filter(({ name }) => name.startsWith(prefix)),
      );
      return all.findLast((metrics) => metrics.length > 0) ?? [];
    },
    refuse(times) {
      refusals = times;
    },
    resources: () =>
      exported().flatMap(({ resourceSpans = [], resourceMetrics = [] }) =>
        [...resourceSpans, ...resourceMetrics].map(({ resource }) => resource.attributes),
      ),
    async stop() {
      await server.stop();
      beside.closeAllConnections();
      await new Promise((resolve) => beside.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
