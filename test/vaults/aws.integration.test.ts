import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BatonError } from '../../src/protocol/errors.js';
import { mayPass } from '../../src/vaults/failure.js';
import { createVaults } from '../../src/vaults/read.js';
import { type AwsSecrets, awsSecretsAt } from '../setup/aws-secrets.js';
import { type AwsServer, findAwsServer, startAwsServer } from '../setup/aws-server.js';
import { temporaryFolder } from '../setup/shared.js';
import { unresolved } from './refusal.js';

const value = 'canary-aws-value-77d1f0';
const keys = { AWS_ACCESS_KEY_ID: 'AKIACANARYKEY', AWS_SECRET_ACCESS_KEY: 'canary-aws-key-0b1c44' };

/** What is said of the failure, all of it, and how it is to be mended; never a value or a key. */
async function failure(reading: Promise<string>) {
  const error: unknown = await reading.catch((caught: unknown) => caught);
  const all = inspect(error, { depth: 9 }) + JSON.stringify(error);
  expect(all.toLowerCase()).not.toContain('canary');
  return error;
}

const found = findAwsServer();

describe.skipIf(found === null)('a secret of AWS', () => {
  let server: AwsServer;
  let secrets: AwsSecrets;

  beforeAll(async () => {
    server = await startAwsServer(found ?? '');
    secrets = awsSecretsAt(server);
    await secrets.create('prod/coupa', { text: JSON.stringify({ secret: value, port: 5432, nested: {} }) });
  }, 60_000);
  afterAll(() => server?.stop());

  const environment = () => ({ ...keys, AWS_REGION: secrets.region, AWS_ENDPOINT_URL: server.endpoint });
  const read = (reference: string, env: Record<string, string> = {}) =>
    createVaults({ ...environment(), ...env })(reference);

  it('is read by its field, by name or ARN, as it is at that moment', async () => {
    expect(await read('secret://aws/prod/coupa#secret')).toBe(value);
    expect(await read('secret://aws/prod%2Fcoupa#port')).toBe('5432');
    const arn = await secrets.create('rotated', { text: '{"secret":"before"}' });
    // The ARN says where it is, whatever the variable says.
    const reader = createVaults({ ...environment(), AWS_REGION: 'us-east-1' });
    expect(await reader(`secret://aws/${arn}#secret`)).toBe('before');
    await secrets.put('rotated', '{"secret":"after"}');
    expect(await reader(`secret://aws/${arn}#secret`)).toBe('after');
  });

  it('is read as a whole without a field', async () => {
    await secrets.create('whole', { text: 'hunter2 "#\n' });
    expect(await read('secret://aws/whole')).toBe('hunter2 "#');
    expect(await failure(read('secret://aws/whole#field'))).toEqual(
      unresolved(/aws\/whole#field: the secret is no JSON object/, /Leave out what follows the #/),
    );
  });

  it('that is missing, binary, marked for deletion or of other fields is named, with what to do', async () => {
    expect(await failure(read('secret://aws/prod/none#secret'))).toEqual(
      unresolved(
        /no secret prod\/none in eu-central-1/,
        /create-secret --region eu-central-1 --name prod\/none/,
      ),
    );
    const arn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/coupa-AbCdEf';
    expect(await failure(read(`secret://aws/${arn}#secret`))).toEqual(
      unresolved(/no secret arn:.* in eu-west-1/, /^Correct the ARN\.$/),
    );
    expect(await failure(read('secret://aws/prod/coupa#token'))).toEqual(
      unresolved(/no field token; there are: secret, port, nested/, /follows the #/),
    );
    await secrets.create('binary', { binary: Buffer.from(value).toString('base64') });
    expect(await failure(read('secret://aws/binary'))).toEqual(
      unresolved(/is binary \(SecretBinary\)/, /put-secret-value .*--secret-id binary --secret-string/),
    );
    await secrets.create('gone', { text: value });
    await secrets.remove('gone');
    expect(await failure(read('secret://aws/gone'))).toEqual(
      unresolved(/marked for deletion/, /restore-secret --region eu-central-1 --secret-id gone/),
    );
    const { AWS_REGION: _, ...nowhere } = environment();
    expect(await failure(createVaults(nowhere)('secret://aws/prod/coupa#secret'))).toEqual(
      unresolved(/nothing says its region/, /Set AWS_REGION/),
    );
  });

  it('is read with a signature that AWS can follow, by whom it lets', async () => {
    const reader = await secrets.createUser('reader', 'secretsmanager:GetSecretValue');
    const stranger = await secrets.createUser('stranger', 'secretsmanager:ListSecrets');
    const as = ({ accessKeyId, secretAccessKey }: typeof reader) =>
      read('secret://aws/prod/coupa#secret', {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
      });
    await secrets.enforce(true);
    try {
      expect(await as(reader)).toBe(value);
      expect(await failure(as(stranger))).toEqual(
        unresolved(/does not let us read it/, /Allow secretsmanager:GetSecretValue on prod\/coupa/),
      );
      await failure(as({ ...reader, secretAccessKey: 'canary-wrong' }));
      await expect(as({ ...reader, secretAccessKey: 'canary-wrong' })).rejects.toThrow(/403/);
    } finally {
      await secrets.enforce(false);
    }
  });
});

describe('AWS Secrets Manager', () => {
  /** What it answers next, as its API reference says. */
  let answer: (accessKeyId: string) => { status: number; body: object };
  let asked: string[];
  const server = createServer((request, response) => {
    const [, accessKeyId = ''] = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
    asked.push(accessKeyId);
    const { status, body } = answer(accessKeyId);
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  });
  let endpoint: string;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  beforeEach(() => {
    asked = [];
    answer = () => ({ status: 200, body: { SecretString: `{"a":"${value}","b":"other"}` } });
  });
  afterEach(() => vi.unstubAllEnvs());

  const place = () => ({ AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint });
  const read = () => createVaults({ ...place(), ...keys })('secret://aws/one#a');
  const refusal = (type: string) => ({ status: 400, body: { __type: type, Message: 'canary' } });

  it('is asked once for two fields of one secret', async () => {
    const reader = createVaults({ ...place(), ...keys });
    const both = ['secret://aws/one#a', 'secret://aws/one#b'].map(reader);
    expect(await Promise.all(both)).toEqual([value, 'other']);
    expect(asked).toHaveLength(1);
    await reader('secret://aws/one#a');
    expect(asked).toHaveLength(2);
  });

  it('that refuses one secret is named by each of its fields', async () => {
    answer = () => refusal('AccessDeniedException');
    const reader = createVaults({ ...place(), ...keys });
    const both = await Promise.all(
      ['secret://aws/one#a', 'secret://aws/one#b'].map((of) => failure(reader(of))),
    );
    expect(both).toEqual([
      unresolved(/^secret:\/\/aws\/one#a: /, /GetSecretValue/),
      unresolved(/^secret:\/\/aws\/one#b: /, /GetSecretValue/),
    ]);
    expect(both.map((error) => mayPass(error as BatonError))).toEqual([true, true]);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['AccessDeniedException', /let us read it/, /secretsmanager:GetSecretValue on one.* kms:Decrypt/],
    ['ExpiredTokenException', /refused our credentials \(ExpiredTokenException\)/, /Renew the credentials/],
    ['com.amazon.coral.service#UnrecognizedClientException', /refused our credentials/, /Renew/],
    ['DecryptionFailure', /DecryptionFailure/, /KMS key/],
    ['InvalidParameterException', /InvalidParameterException/, /reference/],
  ])('that answers %s is heard', async (type, detail, fix) => {
    answer = () => refusal(type);
    expect(await failure(read())).toEqual(unresolved(detail, fix));
    // Whoever gave us keys gives no others.
    expect(asked).toHaveLength(1);
  });

  it.each([
    refusal('ThrottlingException'),
    { status: 500, body: { __type: 'InternalServiceError' } },
    { status: 503, body: {} },
    { status: 307, body: {} },
    { status: 200, body: {} },
  ])('can be asked again after %j', async (said) => {
    answer = () => said;
    expect(await failure(read())).toMatchObject({ error: 'ERR_VAULT_UNAVAILABLE', retryable: true });
  });

  it('can be asked again when nobody answers', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const nobody = { ...place(), ...keys, AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${port}` };
    expect(await failure(createVaults(nobody)('secret://aws/one#a'))).toMatchObject({
      error: 'ERR_VAULT_UNAVAILABLE',
      options: { detail: expect.stringContaining(`127.0.0.1:${port} cannot be reached (ECONNREFUSED)`) },
    });
  });

  it('is asked with the keys of a profile, and with its new ones once the old are refused', async () => {
    const file = path.join(temporaryFolder('aws-profile'), 'credentials');
    const write = (key: string) =>
      writeFileSync(file, `[work]\naws_access_key_id = ${key}\naws_secret_access_key = canary-key\n`);
    // The SDK reads the process's own environment.
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    vi.stubEnv('AWS_CONFIG_FILE', path.join(path.dirname(file), 'none'));
    write('OLD');
    const reader = createVaults({ ...place(), AWS_PROFILE: 'work' });
    expect(await reader('secret://aws/one#a')).toBe(value);
    write('NEW');
    const good = answer;
    answer = (key) => (key === 'OLD' ? refusal('UnrecognizedClientException') : good(key));
    expect(await reader('secret://aws/one#a')).toBe(value);
    expect(asked).toEqual(['OLD', 'OLD', 'NEW']);
    answer = () => refusal('ExpiredTokenException');
    expect(await failure(reader('secret://aws/one#a'))).toEqual(unresolved(/refused our/, /Renew/));
    expect(asked).toHaveLength(5);
  });

  it('is not asked when nothing says who we are', async () => {
    const folder = temporaryFolder('aws-nobody');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', path.join(folder, 'none'));
    vi.stubEnv('AWS_CONFIG_FILE', path.join(folder, 'none'));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    expect(await failure(createVaults(place())('secret://aws/one#a'))).toEqual(
      unresolved(/no credentials for AWS can be had \(CredentialsProviderError\)/, /AWS_PROFILE/),
    );
    expect(asked).toHaveLength(0);
  });
});
