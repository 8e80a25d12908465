import { parseUrl } from './address.js';
import type { Environment, Override, OverrideProblem } from './environment.js';
import type { Path } from './problems.js';

/** Variables that other tools have made customary, and the settings that they stand for. */
const plain: readonly (readonly [variable: string, path: Path])[] = [
  ['TEMPORAL_ADDRESS', ['temporal', 'address']],
  ['TEMPORAL_NAMESPACE', ['temporal', 'namespace']],
  ['TEMPORAL_TLS_SERVER_NAME', ['temporal', 'tls', 'serverName']],
  ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', ['temporal', 'tls', 'caFile']],
  ['TEMPORAL_TLS_CLIENT_CERT_PATH', ['temporal', 'tls', 'certFile']],
  ['TEMPORAL_TLS_CLIENT_KEY_PATH', ['temporal', 'tls', 'keyFile']],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', ['observability', 'otlp', 'endpoint']],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', ['observability', 'otlp', 'tracesEndpoint']],
  ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', ['observability', 'otlp', 'metricsEndpoint']],
  ['OTEL_SERVICE_NAME', ['observability', 'otlp', 'serviceName']],
];

const unsupported = [
  'TEMPORAL_TLS_SERVER_CA_CERT_DATA',
  'TEMPORAL_TLS_CLIENT_CERT_DATA',
  'TEMPORAL_TLS_CLIENT_KEY_DATA',
] as const;

/** Overrides from TEMPORAL_* and DATABASE_URL; BATON_ variables come after them and win. */
export function readStandardVariables(environment: Environment): {
  readonly overrides: readonly Override[];
  readonly problems: readonly OverrideProblem[];
} {
  const overrides: Override[] = [];
  for (const [variable, path] of plain) {
    const value = environment[variable];
    if (value) overrides.push({ variable, path, value });
  }
  if (environment['TEMPORAL_TLS'] === 'true' && !overrides.some((o) => o.path[1] === 'tls')) {
    overrides.push({ variable: 'TEMPORAL_TLS', path: ['temporal', 'tls'], value: {} });
  }
  if (environment['TEMPORAL_API_KEY']) {
    const value = 'secret://env/TEMPORAL_API_KEY';
    overrides.push({ variable: 'TEMPORAL_API_KEY', path: ['temporal', 'apiKey'], value });
  }
  if (environment['DATABASE_URL']) {
    overrides.push({
      variable: 'DATABASE_URL',
      path: ['control', 'url'],
      value: environment['DATABASE_URL'],
    });
    overrides.push({
      variable: 'DATABASE_URL',
      path: ['warehouse', 'url'],
      value: environment['DATABASE_URL'],
    });
  }
  overrides.push(...otlpOverrides(environment));
  const problems = unsupported
    .filter((variable) => environment[variable])
    .map((variable) => ({
      variable,
      message: `is not supported: give a file with ${variable.replace(/DATA$/, 'PATH')}`,
    }));
  return { overrides, problems: [...problems, ...otlpProblems(environment)] };
}

/** What OpenTelemetry writes otherwise than we do: milliseconds, and words in any case. */
function otlpOverrides(environment: Environment): Override[] {
  const interval = environment['OTEL_METRIC_EXPORT_INTERVAL'];
  const temporality = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
  const preference = environment[temporality]?.toLowerCase();
  const otlp = (variable: string, key: string, value: unknown): Override => ({
    variable,
    path: ['observability', 'otlp', key],
    value,
  });
  const sampler = environment['OTEL_TRACES_SAMPLER']?.replace('parentbased_', '');
  const ratio = {
    always_on: 1,
    always_off: 0,
    traceidratio: Number(environment['OTEL_TRACES_SAMPLER_ARG'] || 1),
  };
  return [
    ...(sampler
      ? [otlp('OTEL_TRACES_SAMPLER', 'sampleRatio', ratio[sampler as keyof typeof ratio] ?? sampler)]
      : []),
    ...(interval ? [otlp('OTEL_METRIC_EXPORT_INTERVAL', 'every', Number(interval) / 1_000)] : []),
    // Of counters it is the same: what is low in memory is a matter of who adds up.
    ...(preference
      ? [otlp(temporality, 'temporality', preference === 'lowmemory' ? 'delta' : preference)]
      : []),
  ];
}

/** Only what is to be sent can be sent in the wrong way. */
function otlpProblems(environment: Environment): OverrideProblem[] {
  const variables = ['', '_TRACES', '_METRICS'].map((kind) => `OTEL_EXPORTER_OTLP${kind}_PROTOCOL`);
  const isOff = !environment['OTEL_EXPORTER_OTLP_ENDPOINT'] || environment['OTEL_SDK_DISABLED'] === 'true';
  return variables
    .filter((variable) => !isOff && environment[variable] && environment[variable] !== 'http/protobuf')
    .map((variable) => ({
      variable,
      message: 'is not supported: OTLP is sent as http/protobuf, which collectors take at port 4318',
    }));
}

/**
 * A database address from the environment may hold its password, as is customary. The password is taken out
 * and replaced by a reference to that variable, so that no configuration object ever holds it.
 */
export function withoutPassword(override: Override): readonly Override[] {
  const [section, key] = override.path;
  const isUrl = (section === 'control' || section === 'warehouse') && key === 'url';
  const url = isUrl && typeof override.value === 'string' ? parseUrl(override.value) : null;
  if (url === null || url.password === '') return [override];
  url.password = '';
  const reference = `secret://env-url/${override.variable}`;
  return [
    { ...override, value: url.toString() },
    { ...override, path: [String(section), 'password'], value: reference },
  ];
}
