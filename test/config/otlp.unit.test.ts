import { describe, expect, it } from 'vitest';
import { configProblems, loadConfig, otlpPlace } from '../../src/config/index.js';
import { project, small } from './project.js';

const file = `${small}
observability:
  otlp:
    endpoint: https://otlp.example.com
    headers: {DD-API-KEY: secret://env/KEY}
    temporality: delta
`;

function placeOf(yaml: string, env: Record<string, string> = {}) {
  const place = otlpPlace(loadConfig({ cwd: project(yaml), env: { KEY: 'file-key', ...env } }));
  if (place === null) return null;
  const shown = (signal: typeof place.traces) =>
    signal === null
      ? null
      : {
          url: signal.url,
          headers: Object.fromEntries(
            Object.entries(signal.headers).map(([name, value]) => [name, value.reveal()]),
          ),
        };
  return { ...place, traces: shown(place.traces), metrics: shown(place.metrics) };
}
const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };

describe('where telemetry is sent', () => {
  it('is nowhere when nothing says so, or all of it is switched off', () => {
    expect(placeOf(small)).toBeNull();
    expect(placeOf(file, { OTEL_SDK_DISABLED: 'TRUE' })).toBeNull();
    expect(placeOf(file, { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' })).toBeNull();
  });

  it('is said by the file, with headers by reference', () => {
    const headers = { 'dd-api-key': 'file-key' };
    expect(placeOf(file)).toEqual({
      traces: { url: 'https://otlp.example.com/v1/traces', headers },
      metrics: { url: 'https://otlp.example.com/v1/metrics', headers },
      temporality: 'delta',
      everyMs: 60_000,
      sampleRatio: 1,
      serviceName: 'baton',
    });
  });

  it('is said by OpenTelemetry’s own variables, which come before the file', () => {
    const env = {
      ...base,
      OTEL_EXPORTER_OTLP_HEADERS: 'dd-api-key=env%20key, X-Other=a=b,broken',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-other=%zz',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://metrics:4318/own/path',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'Cumulative',
      OTEL_METRIC_EXPORT_INTERVAL: '15000',
      OTEL_SERVICE_NAME: 'baton-eu',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    };
    expect(placeOf(file, env)).toEqual({
      traces: {
        url: 'http://collector:4318/v1/traces',
        headers: { 'dd-api-key': 'env key', 'x-other': 'a=b' },
      },
      metrics: {
        url: 'http://metrics:4318/own/path',
        headers: { 'dd-api-key': 'env key', 'x-other': '%zz' },
      },
      temporality: 'cumulative',
      everyMs: 15_000,
      sampleRatio: 0.25,
      serviceName: 'baton-eu',
    });
    expect(placeOf(small, { ...base, OTEL_TRACES_SAMPLER: 'always_off' })).toMatchObject({ sampleRatio: 0 });
    expect(placeOf(small, { ...base, OTEL_TRACES_EXPORTER: 'none' })).toMatchObject({ traces: null });
    expect(
      placeOf(small, { ...base, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'lowmemory' }),
    ).toMatchObject({ temporality: 'delta' });
  });

  it.each([
    [{ ...base, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL'],
    [{ ...base, OTEL_METRIC_EXPORT_INTERVAL: '10' }, 'OTEL_METRIC_EXPORT_INTERVAL'],
    [{ ...base, OTEL_METRIC_EXPORT_INTERVAL: 'soon' }, 'OTEL_METRIC_EXPORT_INTERVAL'],
    [{ ...base, OTEL_TRACES_SAMPLER: 'jaeger_remote' }, 'OTEL_TRACES_SAMPLER'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }, 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ])('%j is refused, and named', (env, variable) => {
    try {
      loadConfig({ cwd: project(small), env });
    } catch (error) {
      return expect(configProblems(error).map(({ where }) => where)).toEqual([variable]);
    }
    return expect.unreachable();
  });

  it('takes no plain secret, and no protocol where nothing is sent', () => {
    expect(() => placeOf(file.replace('secret://env/KEY', 'a-plain-key'))).toThrow('reference to a secret');
    expect(placeOf(small, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toBeNull();
  });
});
