import { z } from 'zod';
import { parseUrl } from '../address.js';
import { hostPort, httpUrl, port, secretRef } from './values.js';

/** Where Baton's own services are: Temporal, the two databases and the gateway; the lake is in lake.ts. */

const text = (what: string) => z.string({ error: `must be ${what}` }).min(1, { error: `must be ${what}` });

const tls = z.strictObject({
  serverName: text('a host name')
    .optional()
    .meta({ description: 'Name in the server’s certificate.', examples: ['temporal.example.com'] }),
  caFile: text('a file')
    .optional()
    .meta({ description: 'PEM file of the authority that signed the server.', examples: ['tls/ca.pem'] }),
  certFile: text('a file')
    .optional()
    .meta({ description: 'PEM file of the client certificate.', examples: ['tls/client.pem'] }),
  keyFile: text('a file')
    .optional()
    .meta({ description: 'PEM file of the client key.', examples: ['tls/client.key'] }),
});

export const temporalSchema = z
  .strictObject({
    address: hostPort
      .prefault('127.0.0.1:7233')
      .meta({ description: 'Address of Temporal’s frontend.', examples: ['temporal.example.com:7233'] }),
    namespace: text('a namespace')
      .prefault('default')
      .meta({ description: 'Temporal namespace of the workflows.', examples: ['procurement'] }),
    uiUrl: httpUrl
      .prefault('http://127.0.0.1:8233')
      .meta({ description: 'The Temporal Web UI, for links.', examples: ['https://ui.example.com'] }),
    tls: tls.optional().meta({ description: 'TLS to Temporal; `{}` for TLS with the system’s authorities.' }),
    apiKey: secretRef
      .optional()
      .meta({ description: 'API key of Temporal Cloud.', examples: ['secret://env/SOME_KEY'] }),
  })
  .prefault({});

const postgresUrl = z.string({ error: 'must be a postgres:// address' }).transform((value, context) => {
  const url = parseUrl(value);
  if (url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.password === '') return value;
  const message =
    url !== null && url.password !== ''
      ? 'must not contain a password: put a secret:// reference under password'
      : 'must be a postgres:// address';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const database = (name: string) => ({
  url: postgresUrl.prefault(`postgres://baton@127.0.0.1:5433/${name}`).meta({
    description: 'Address of the PostgreSQL database, without its password.',
    examples: ['postgres://baton@db.example.com:5432/other'],
  }),
  password: secretRef
    .optional()
    .meta({ description: 'Password of the database’s user.', examples: ['secret://env/DB_PASSWORD'] }),
});

export const controlSchema = z.strictObject(database('control')).prefault({});

export const warehouseSchema = z
  .strictObject({
    type: z
      .literal('postgres')
      .prefault('postgres')
      .meta({ description: 'Kind of warehouse.', examples: ['postgres'] }),
    ...database('warehouse'),
  })
  .prefault({});

export const gatewaySchema = z
  .strictObject({
    host: text('a host')
      .prefault('127.0.0.1')
      .meta({ description: 'Where the gateway listens.', examples: ['0.0.0.0'] }),
    port: port.prefault(4000).meta({ description: 'Port of the gateway.', examples: [4567] }),
    publicUrl: httpUrl.optional().meta({
      description: 'Address under which others reach the gateway; from host and port when not given.',
      examples: ['https://baton.example.com'],
    }),
    token: secretRef.optional().meta({
      description: 'Token that callers present; required when host is not a loopback address.',
      examples: ['secret://env/GATEWAY_TOKEN'],
    }),
  })
  .prefault({});
