import type { AwsServer } from './aws-server.js';

/** What somebody else does with secrets and rights at AWS: over HTTP, and by no code of ours. */
export interface AwsSecrets {
  readonly region: string;
  /** Its ARN. */
  create(name: string, secret: { readonly text: string } | { readonly binary: string }): Promise<string>;
  put(name: string, text: string): Promise<void>;
  /** Marks it for deletion. */
  remove(name: string): Promise<void>;
  /** A user with a right, and keys; from `enforce` on the server looks at both, and at each signature. */
  createUser(name: string, action: string): Promise<{ accessKeyId: string; secretAccessKey: string }>;
  enforce(isOn: boolean): Promise<void>;
}

export function awsSecretsAt({ endpoint }: AwsServer): AwsSecrets {
  const region = 'eu-central-1';

  async function ask(service: string, headers: Record<string, string>, body: string): Promise<string> {
    const scope = `test/20260101/${region}/${service}/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=x`;
    const answer = await fetch(endpoint, { method: 'POST', headers: { authorization, ...headers }, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status} ${text}`);
    return text;
  }
  async function secret(action: string, body: object): Promise<string> {
    const headers = {
      'x-amz-target': `secretsmanager.${action}`,
      'content-type': 'application/x-amz-json-1.1',
    };
    return (JSON.parse(await ask('secretsmanager', headers, JSON.stringify(body))) as { ARN: string }).ARN;
  }
  const iam = (fields: Record<string, string>) =>
    ask(
      'iam',
      { 'content-type': 'application/x-www-form-urlencoded' },
      String(new URLSearchParams({ ...fields, Version: '2010-05-08' })),
    );

  return {
    region,
    create: (Name, of) =>
      secret('CreateSecret', {
        Name,
        ...('text' in of ? { SecretString: of.text } : { SecretBinary: of.binary }),
      }),
    put: async (SecretId, SecretString) => void (await secret('PutSecretValue', { SecretId, SecretString })),
    remove: async (SecretId) => void (await secret('DeleteSecret', { SecretId })),
    async createUser(UserName, Action) {
      await iam({ Action: 'CreateUser', UserName });
      const Statement = [{ Effect: 'Allow', Action, Resource: '*' }];
      const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
      await iam({ Action: 'PutUserPolicy', UserName, PolicyName: 'one', PolicyDocument });
      const text = await iam({ Action: 'CreateAccessKey', UserName });
      const said = (tag: string) => new RegExp(`<${tag}>(.+?)</${tag}>`).exec(text)?.[1] ?? '';
      return { accessKeyId: said('AccessKeyId'), secretAccessKey: said('SecretAccessKey') };
    },
    async enforce(isOn) {
      const headers = { 'content-type': 'text/plain' };
      const body = isOn ? '0' : 'inf';
      const answer = await fetch(`${endpoint}/moto-api/reset-auth`, { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(`reset-auth: ${answer.status}`);
    },
  };
}
