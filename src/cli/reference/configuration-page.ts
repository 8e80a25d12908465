import type { z } from 'zod';
import { variableOf } from '../../config/environment.js';
import { configSchema } from '../../config/schema/index.js';
import { type AnySchema, defOf, unwrap } from '../../config/schema-path.js';

interface Setting {
  readonly path: readonly string[];
  readonly description: string;
  /** As written in the file; null = none. */
  readonly standard: string | null;
  readonly required: boolean;
}

const intro = `# Configuration

Generated from the schema by \`npm run docs\`.

Everything is in \`baton.yaml\`: in the working directory, in the nearest folder above it, or where
\`BATON_CONFIG\` points. Each value can be overridden by the environment variable beside it; the environment wins
over the file, the file over the default. In a variable's name two underscores separate the levels, and capitals
and dashes become \`_\`: \`connections.coupa.baseUrl\` is \`BATON_CONNECTIONS__COUPA__BASE_URL\`. A list is written
with commas or as YAML (\`[a, b]\`). An empty variable counts as not set.

All problems are reported at once, each with its line and column or its variable.

## Secrets

A secret stands in the configuration only as a reference; the secret itself is refused and never repeated.

| Reference | Where the secret is |
|---|---|
| \`secret://env/NAME\` | the environment variable; for the local stack also \`.baton/secrets.env\` |
| \`secret://file/keys/coupa\` | the file, relative to the folder of baton.yaml, without its last line break |
| \`secret://file//run/secrets/coupa\` | the file by its absolute path |
| \`secret://env-url/NAME\` | the password inside the address that the variable holds |
| \`secret://vault/mount/path#field\` | a field of a secret in [HashiCorp Vault](../how-to/vaults.md#hashicorp-vault) |
| \`secret://aws/name#field\` | a secret in [AWS Secrets Manager](../how-to/vaults.md#aws-secrets-manager), by its name or ARN; without \`#field\` the whole |
| \`secret://gcp/project/name#field\` | a secret in [Google Cloud's Secret Manager](../how-to/vaults.md#google-clouds-secret-manager); without \`#field\` the whole; \`secret://gcp/project/name/3#field\` for one version |

## Customary variables

| Variable | Setting |
|---|---|
| \`DATABASE_URL\` | \`control.url\` and \`warehouse.url\`, unless each has its own; its password is taken from there |
| \`TEMPORAL_ADDRESS\`, \`TEMPORAL_NAMESPACE\`, \`TEMPORAL_API_KEY\` | \`temporal.address\`, \`.namespace\`, \`.apiKey\` |
| \`TEMPORAL_TLS\`, \`TEMPORAL_TLS_SERVER_NAME\` | \`temporal.tls\`, \`.serverName\` |
| \`TEMPORAL_TLS_SERVER_CA_CERT_PATH\`, \`…_CLIENT_CERT_PATH\`, \`…_CLIENT_KEY_PATH\` | \`temporal.tls.caFile\`, \`.certFile\`, \`.keyFile\` |
| \`PGHOST\`, \`PGPORT\`, \`PGUSER\`, \`PGPASSWORD\`, \`PGDATABASE\`, \`PGSSLMODE\` | what an address lacks |
| \`OTEL_EXPORTER_OTLP_ENDPOINT\`, \`…_TRACES_ENDPOINT\`, \`…_METRICS_ENDPOINT\` | \`observability.otlp.endpoint\`, \`.tracesEndpoint\`, \`.metricsEndpoint\` |
| \`OTEL_EXPORTER_OTLP_HEADERS\`, \`…_TRACES_HEADERS\`, \`…_METRICS_HEADERS\` | headers besides \`observability.otlp.headers\` |
| \`OTEL_TRACES_SAMPLER\`, \`OTEL_TRACES_SAMPLER_ARG\` | \`observability.otlp.sampleRatio\` |
| \`OTEL_METRIC_EXPORT_INTERVAL\`, \`OTEL_SERVICE_NAME\`, \`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE\` | \`observability.otlp.every\` (here in milliseconds), \`.serviceName\`, \`.temporality\` |
| \`OTEL_SDK_DISABLED\`, \`OTEL_TRACES_EXPORTER=none\`, \`OTEL_METRICS_EXPORTER=none\` | sends nothing; no traces; no metrics |
| \`BATON_HOME\` | the folder of the local state instead of \`.baton\` |

Durations are written \`30s\`, \`2m\`, \`1h30m\`, \`7d\`, \`PT5M\` or as a number of seconds. Decimals are best in quotes.
`;

/** docs/reference/configuration.md, from the schema. */
export function configurationPage(): string {
  const settings = settingsOf(configSchema, [], true);
  const sections = [...new Set(settings.map(({ path }) => path[0] ?? ''))];
  return [
    intro,
    ...sections.flatMap((section) => [
      `## ${section}`,
      '',
      '| Setting | Default | Variable | |',
      '|---|---|---|---|',
      ...settings.filter(({ path }) => path[0] === section).map(row),
      ...(section === 'connections' ? ['', connectorNote] : []),
      '',
    ]),
  ].join('\n');
}

const connectorNote =
  'A connection’s other settings, such as `auth`, are its connector’s own: see docs/reference/connectors.md.';

function row({ path, description, standard, required }: Setting): string {
  const variable = path[0] === 'version' ? '' : `\`${variableOf(path)}\``;
  const value = required ? '**required**' : standard === null ? '' : `\`${standard}\``;
  return `| \`${path.join('.')}\` | ${value} | ${variable} | ${description} |`;
}

/** Every setting under a schema, records with \`<name>\` in place of their keys. */
function settingsOf(schema: AnySchema, path: readonly string[], top: boolean): readonly Setting[] {
  const inner = defOf(unwrap(schema));
  if (inner.type === 'object') {
    return Object.entries(inner.shape ?? {}).flatMap(([key, child]) =>
      settingsOf(child, [...path, key], false),
    );
  }
  if (inner.type === 'record' && inner.valueType !== undefined) {
    return settingsOf(inner.valueType, [...path, 'NAME'], false);
  }
  const standard = defaultOf(schema);
  const description = (schema as z.ZodType).meta?.()?.description ?? '';
  const optional = standard !== undefined || isOptional(schema);
  return top
    ? []
    : [
        {
          path,
          description,
          standard: standard === undefined ? null : JSON.stringify(standard),
          required: !optional,
        },
      ];
}

function defaultOf(schema: AnySchema): unknown {
  const def = schema._zod.def as unknown as { type: string; innerType?: AnySchema; defaultValue?: unknown };
  if (def.type === 'prefault' || def.type === 'default') return def.defaultValue;
  return def.innerType === undefined ? undefined : defaultOf(def.innerType);
}

function isOptional(schema: AnySchema): boolean {
  return (schema as z.ZodType).safeParse(undefined).success;
}
