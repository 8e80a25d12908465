import { z } from 'zod';
import { alertsSchema } from './alerts.js';
import { connectionsSchema } from './connections.js';
import { eventsSchema } from './events.js';
import { fulfilmentSchema } from './fulfilment.js';
import { lakeSchema } from './lake.js';
import { observabilitySchema } from './observability.js';
import { pipelinesSchema } from './pipelines.js';
import { retentionSchema } from './retention.js';
import { secretsSchema } from './secrets.js';
import { controlSchema, gatewaySchema, temporalSchema, warehouseSchema } from './services.js';
import { triageSchema } from './triage.js';
import { name } from './values.js';

/** All of baton.yaml. Split by area; each leaf carries its description and an example for the reference page. */
export const configSchema = z.strictObject({
  version: z
    .literal(1, { error: 'must be 1' })
    .meta({ description: 'Version of this file’s format.', examples: [1] }),
  temporal: temporalSchema,
  control: controlSchema,
  warehouse: warehouseSchema,
  lake: lakeSchema,
  retention: retentionSchema,
  gateway: gatewaySchema,
  tenants: z
    .array(name, { error: 'must be a list of names' })
    .min(1, { error: 'must name at least one tenant' })
    .prefault(['default'])
    .meta({ description: 'Tenants that this installation serves.', examples: [['default', 'acme']] }),
  secrets: secretsSchema,
  connections: connectionsSchema,
  events: eventsSchema,
  triage: triageSchema,
  fulfilment: fulfilmentSchema,
  alerts: alertsSchema,
  observability: observabilitySchema,
  pipelines: pipelinesSchema,
});

export type ConfigDocument = z.output<typeof configSchema>;
