import { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import type { ResolvedConnection } from './port.js';

/** An address that is a secret, in the parts that a request is made of. */
export interface SecretAddress {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** What must be shown nowhere. */
  readonly secrets: readonly Secret[];
}

/** Used as it is, never made anew. It begins with baseUrl, which is shown. */
export function secretAddress(
  { name, baseUrl }: ResolvedConnection,
  setting: string,
  address: Secret,
): SecretAddress {
  const whole = address.reveal();
  if (!whole.startsWith(baseUrl))
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: `The address that ${setting} refers to does not begin with baseUrl (${baseUrl}).`,
      where: `connections.${name}.baseUrl`,
    });
  const [path = '', search = ''] = whole.slice(baseUrl.length).split('?');
  const query = Object.fromEntries(new URLSearchParams(search));
  // An error names the path of its request: here that may be all that it takes to post.
  const parts = [path, ...Object.values(query)].filter((part) => part.length > 1);
  return { path, query, secrets: [address, ...parts.map((part) => new Secret(part))] };
}
