import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BatonError } from '../protocol/errors.js';
import { resolveSecret } from './secrets.js';
import type { BatonConfig } from './types.js';

/** Options that both `Connection.connect` and `NativeConnection.connect` accept. Holds secrets: never log it. */
export interface TemporalConnectionOptions {
  readonly address: string;
  readonly tls?: TemporalTls | true;
  readonly apiKey?: string;
}

interface TemporalTls {
  readonly serverNameOverride?: string;
  readonly serverRootCACertificate?: Buffer;
  readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer };
}

/** How to connect to the configured Temporal: plain, TLS, mTLS or API key. */
export function temporalConnectionOptions(config: BatonConfig): TemporalConnectionOptions {
  const { address, tls, apiKey } = config.temporal;
  const key = apiKey === undefined ? null : resolveSecret(apiKey, config).reveal();
  return {
    address,
    ...(tls === undefined ? (key === null ? {} : { tls: true as const }) : { tls: tlsOptions(tls, config) }),
    ...(key === null ? {} : { apiKey: key }),
  };
}

function tlsOptions(tls: NonNullable<BatonConfig['temporal']['tls']>, config: BatonConfig): TemporalTls {
  const { serverName, caFile, certFile, keyFile } = tls;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const detail = 'temporal.tls needs certFile and keyFile together.';
    throw new BatonError('ERR_CONFIG_INVALID', { detail, where: 'temporal.tls' });
  }
  return {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(caFile === undefined ? {} : { serverRootCACertificate: readPem(caFile, config) }),
    ...(certFile === undefined || keyFile === undefined
      ? {}
      : { clientCertPair: { crt: readPem(certFile, config), key: readPem(keyFile, config) } }),
  };
}

function readPem(file: string, config: BatonConfig): Buffer {
  const full = path.resolve(config.root, file);
  try {
    return readFileSync(full);
  } catch (cause) {
    const detail = `The file ${full} of temporal.tls cannot be read.`;
    throw new BatonError('ERR_SECRET_UNRESOLVED', { detail, where: 'temporal.tls', cause });
  }
}
