import { type AwsVariables, awsVariables } from '../config/aws.js';
import { Secret } from '../domain/secret.js';
import type { BatonError } from '../protocol/errors.js';
import { type Answered, ask, at } from './ask.js';
import { createAwsSigner } from './aws-signer.js';
import { refused, unavailable, unresolved } from './failure.js';
import type { Variables, VaultReader } from './read.js';

/** One secret of AWS. */
interface AwsSecret {
  /** The reference without its field, as errors name it. */
  readonly reference: string;
  /** Its name or ARN. */
  readonly id: string;
  readonly region: string;
}

/**
 * Reads secrets of AWS Secrets Manager, the version that is AWSCURRENT.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 */
export function createAws(env: Variables): VaultReader {
  const customary = awsVariables(env);
  const signer = createAwsSigner(env);

  async function call(secret: AwsSecret, renewed: boolean): Promise<Answered> {
    const { reference, id, region } = secret;
    const url = addressOf(customary, secret);
    const body = JSON.stringify({ SecretId: id });
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'secretsmanager.GetSecretValue',
    };
    const signed = await signer.sign({ reference, url, region, headers, body }, { renewed });
    return ask({ reference, url: url.href, method: 'POST', headers: signed, body });
  }

  return async ({ address: reference, path }) => {
    const id = path.join('/');
    const secret = { reference, id, region: regionOf(id, customary, reference) };
    let answer = await call(secret, false);
    // Credentials that were given for a while may have been revoked: others are asked for, once.
    if (identityRefusals.has(typeOf(answer)) && signer.isRenewable) answer = await call(secret, true);
    return textIn(secret, answer);
  };
}

function textIn(secret: AwsSecret, answer: Answered): Secret {
  const { reference, id, region } = secret;
  if (answer.status !== 200) throw failureOf(secret, answer);
  const text = at(answer.body, 'SecretString');
  if (typeof text === 'string') return new Secret(text);
  if (at(answer.body, 'SecretBinary') === undefined)
    throw unavailable(reference, 'what answered is no AWS Secrets Manager');
  const fix = `aws secretsmanager put-secret-value --region ${region} --secret-id ${id} --secret-string …`;
  throw unresolved(reference, 'the secret is binary (SecretBinary), and only text can be used', fix);
}

const identityRefusals = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

const denials = new Set(['AccessDenied', 'AccessDeniedException', 'NotAuthorized']);

const passing = new Set([
  'InternalFailure',
  'InternalServiceError',
  'InternalServiceFailure',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html; never AWS's message, which may repeat what was sent. */
function failureOf({ reference, id, region }: AwsSecret, answer: Answered): BatonError {
  const type = typeOf(answer);
  const words = `Secrets Manager answered ${type || answer.status}`;
  const isDenied = denials.has(type) || (type === '' && answer.status === 403);
  if (passing.has(type)) return unavailable(reference, words);
  if (identityRefusals.has(type)) {
    const fix = 'Renew the credentials of this process; if they are good, set this machine’s clock.';
    return refused(reference, `AWS refused our credentials (${type})`, fix);
  }
  if (isDenied) {
    const fix = `Allow secretsmanager:GetSecretValue on ${id} in ${region}, and kms:Decrypt where it has a key of its own.`;
    return refused(reference, `AWS does not let us read it (${type || answer.status})`, fix);
  }
  if (type === 'ResourceNotFoundException') {
    const fix = id.startsWith('arn:')
      ? 'Correct the ARN.'
      : `Correct the name or AWS_REGION, or: aws secretsmanager create-secret --region ${region} --name ${id} --secret-string …`;
    return unresolved(reference, `Secrets Manager has no secret ${id} in ${region}`, fix);
  }
  if (type === 'InvalidRequestException') {
    const fix = `aws secretsmanager restore-secret --region ${region} --secret-id ${id}`;
    return unresolved(reference, 'the secret is marked for deletion', fix);
  }
  if (type === 'DecryptionFailure')
    return unresolved(reference, words, 'Enable the KMS key of the secret, and allow kms:Decrypt on it.');
  return unresolved(reference, words, 'Correct the reference.');
}

/** AWS's name of the failure, without its namespace; empty when it says none. */
function typeOf({ body }: Answered): string {
  const type = at(body, '__type');
  return typeof type === 'string' ? (/(?:^|#)([A-Za-z]{1,64})$/.exec(type)?.[1] ?? '') : '';
}

/** An ARN says its region itself. */
function regionOf(id: string, { region }: AwsVariables, reference: string): string {
  const found = /^arn:aws[a-z-]*:secretsmanager:([^:]+):/.exec(id)?.[1] ?? region;
  const fix = 'Set AWS_REGION for this process, or name the secret by its ARN.';
  if (found === null) throw unresolved(reference, 'nothing says its region', fix);
  if (/^[a-z0-9-]+$/.test(found)) return found;
  throw unresolved(reference, 'what should be its region is none', fix);
}

/** https://docs.aws.amazon.com/general/latest/gr/asm.html */
function addressOf(customary: AwsVariables, { reference, region }: AwsSecret): URL {
  const suffix = region.startsWith('cn-') ? '.cn' : '';
  const own = `https://secretsmanager.${region}.amazonaws.com${suffix}`;
  const address = customary.endpoint('SECRETS_MANAGER') ?? own;
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)) return new URL(address);
  const what = 'AWS_ENDPOINT_URL_SECRETS_MANAGER, or AWS_ENDPOINT_URL, is no address';
  throw unresolved(reference, what, 'Correct the variable, or leave it out.');
}
