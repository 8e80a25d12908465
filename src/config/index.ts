/** Configuration: baton.yaml and the environment as one validated object. The only reader of process.env. */

export { type ChangePlace, changeConnections, changePlace } from './changes.js';
export { resolveConnection, unknownConnection } from './connection.js';
export { databaseUrl } from './database.js';
export { formatDuration, parseDuration } from './duration.js';
export { eventRules, resolveWebhook } from './events.js';
export { fileConnections, filePlace } from './files.js';
export { type PipelineInput, pipelineInputs } from './inputs.js';
export { lakePlace, noticePlace, noticesOf } from './lake.js';
export { type LoadOptions, loadConfig } from './load.js';
export { stateHome } from './locate.js';
export { type OtlpPlace, type OtlpSignal, otlpPlace } from './otlp.js';
export { configProblems, type Problem } from './problems.js';
export { configuredPipelines, knownTenant, type RunRequest, settingsOfRun } from './run-request.js';
export type { SecretRef } from './schema/values.js';
export {
  followSecret,
  openSecrets,
  resolveSecret,
  type SecretWatch,
  vaultSecrets,
  watchSecrets,
} from './secrets.js';
export { type TemporalConnectionOptions, temporalConnectionOptions } from './temporal.js';
export { currentTenants, tenantOf } from './tenants.js';
export type {
  AlertTarget,
  BatonConfig,
  ConnectionConfig,
  DatabaseConfig,
  Origin,
  PipelineSettings,
  TemporalConfig,
} from './types.js';
