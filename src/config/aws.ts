import { Secret } from '../domain/secret.js';
import type { Environment } from './environment.js';

/** What the variables that AWS has made customary say; what they do not say is null. */
export interface AwsVariables {
  readonly region: string | null;
  readonly profile: string | null;
  readonly keys: {
    readonly accessKeyId: string;
    readonly secretAccessKey: Secret;
    readonly sessionToken: Secret | null;
  } | null;
  /** Where a service is instead of AWS's own address: `S3`, `SECRETS_MANAGER`. */
  endpoint(service: string): string | null;
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html#EVarSettings */
export function awsVariables(environment: Environment): AwsVariables {
  // The SDK's note on which versions of Node it will support belongs in release notes, not in every log.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const accessKeyId = environment['AWS_ACCESS_KEY_ID'];
  const secret = environment['AWS_SECRET_ACCESS_KEY'];
  const token = environment['AWS_SESSION_TOKEN'];
  return {
    region: environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'] || null,
    profile: environment['AWS_PROFILE'] || null,
    keys:
      accessKeyId && secret
        ? {
            accessKeyId,
            secretAccessKey: new Secret(secret),
            sessionToken: token ? new Secret(token) : null,
          }
        : null,
    endpoint: (service) =>
      environment[`AWS_ENDPOINT_URL_${service}`] || environment['AWS_ENDPOINT_URL'] || null,
  };
}
