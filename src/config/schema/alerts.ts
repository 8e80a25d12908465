import { z } from 'zod';
import { name } from './values.js';

const target = z.strictObject({
  connection: name.meta({ description: 'Connection that has a notifier.', examples: ['slack'] }),
  channel: z
    .string({ error: 'must be a channel' })
    .min(1, { error: 'must be a channel' })
    .meta({ description: 'Channel, room or address at the vendor.', examples: ['#elsewhere'] }),
});

const targets = (description: string) =>
  z
    .array(target, { error: 'must be a list of {connection, channel}' })
    .prefault([])
    .meta({ description, examples: [[{ connection: 'slack', channel: '#elsewhere' }]] });

export const alertsSchema = z
  .strictObject({
    on_failure: targets('Told when a run fails.'),
    on_success: targets('Told when a run succeeds.'),
    on_retry: targets('Told when a step is tried again because of the vendor.'),
    on_schema_change: targets('Told when a vendor’s records have other fields or types than before.'),
  })
  .prefault({});
