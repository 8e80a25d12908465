import { z } from 'zod';
import { duration, name } from './values.js';

const every = duration.refine((ms) => ms >= 1_000, { error: 'must be at least 1s' }).prefault('60s');

/** Where metrics are sent, besides being there to be read at the gateway's `/metrics`. */
export const observabilitySchema = z
  .strictObject({
    series: z
      .strictObject({
        connection: name.meta({
          description: 'Connection that keeps series, of type `datadog`; the metrics of `/metrics` go there.',
          examples: ['zendesk'],
        }),
        every: every.meta({ description: 'How often they are sent.', examples: ['15s'] }),
      })
      .optional(),
  })
  .prefault({});
