import { Secret } from '../domain/secret.js';
import { environmentOf, resolveSecret } from './secrets.js';
import type { BatonConfig } from './types.js';

/** Where one kind of telemetry is sent, and the headers that let us in. */
export interface OtlpSignal {
  readonly url: string;
  readonly headers: Readonly<Record<string, Secret>>;
}

export interface OtlpPlace {
  readonly traces: OtlpSignal | null;
  readonly metrics: OtlpSignal | null;
  readonly temporality: 'cumulative' | 'delta';
  readonly everyMs: number;
  /** Share of the traces that are sent. */
  readonly sampleRatio: number;
  readonly serviceName: string;
}

/**
 * Where `observability.otlp` and OpenTelemetry's own variables send telemetry; null when nowhere. Of those variables the
 * addresses, the service's name, the interval and the temporality are settings like any other; here are the rest.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function otlpPlace(config: BatonConfig): OtlpPlace | null {
  const { endpoint, tracesEndpoint, metricsEndpoint, temporality, every, sampleRatio, serviceName } =
    config.observability.otlp;
  const environment = environmentOf(config);
  if (environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return null;
  const signal = (kind: 'TRACES' | 'METRICS', whole: string | undefined): OtlpSignal | null => {
    const url = whole ?? (endpoint === undefined ? undefined : `${endpoint}/v1/${kind.toLowerCase()}`);
    if (url === undefined || environment[`OTEL_${kind}_EXPORTER`] === 'none') return null;
    return { url, headers: headersOf(config, kind) };
  };
  const traces = signal('TRACES', tracesEndpoint);
  const metrics = signal('METRICS', metricsEndpoint);
  if (traces === null && metrics === null) return null;
  return { traces, metrics, temporality, everyMs: every, sampleRatio, serviceName };
}

/** Of the file, and above them those of the environment: for all, and for this kind. */
function headersOf(config: BatonConfig, kind: string): Readonly<Record<string, Secret>> {
  const environment = environmentOf(config);
  const own = Object.entries(config.observability.otlp.headers).map(
    ([name, reference]) => [name.toLowerCase(), resolveSecret(reference, config)] as const,
  );
  return Object.fromEntries([
    ...own,
    ...pairsOf(environment['OTEL_EXPORTER_OTLP_HEADERS']),
    ...pairsOf(environment[`OTEL_EXPORTER_OTLP_${kind}_HEADERS`]),
  ]);
}

/** `a=b,c=d`, URL-encoded, as W3C Baggage has it. */
function pairsOf(text = ''): (readonly [string, Secret])[] {
  return text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) return [];
    return [
      [pair.slice(0, at).trim().toLowerCase(), new Secret(decoded(pair.slice(at + 1).trim()))] as const,
    ];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
