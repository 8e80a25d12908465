import { z } from 'zod';
import { eventStream } from '../event-stream.js';
import type { Connector } from '../port.js';
import { plainText, secretReference } from '../settings.js';

const identifier = z
  .string({ error: 'must be a name of small letters, digits and underscores' })
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, { error: 'must be a name of small letters, digits and underscores' });

export const postgresSettings = z.strictObject({
  /** Without the password. */
  url: plainText.regex(/^postgres(?:ql)?:\/\//, {
    error: 'must be an address such as postgres://baton@host/orders',
  }),
  password: secretReference.optional(),
  publication: identifier.prefault('baton'),
  slot: identifier.prefault('baton'),
  /** Whether the rows that are there at the beginning are events too. */
  snapshot: z.boolean({ error: 'must be true or false' }).prefault(true),
});

export type PostgresSettings = z.infer<typeof postgresSettings>;

/**
 * Changes of a PostgreSQL database by logical replication: each row that is inserted, changed or deleted in a table of
 * the publication is an event. https://www.postgresql.org/docs/current/logicaldecoding.html
 */
export const postgres: Connector<PostgresSettings> = {
  type: 'postgres',
  system: 'PostgreSQL',
  verifiedAgainst: ['independent server: PostgreSQL 18'],
  connection: postgresSettings,
  streams: { [eventStream.name]: eventStream },
};
