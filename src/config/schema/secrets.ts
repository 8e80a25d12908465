import { z } from 'zod';
import { duration } from './values.js';

/** How long what was read from a vault is used; where the vaults are, their own customary variables say. */
export const secretsSchema = z
  .strictObject({
    refresh: duration
      .refine((ms) => ms >= 1_000, { error: 'must be at least 1s' })
      .prefault('5m')
      .meta({
        description: 'How old a secret of a vault may be before it is read anew; a refused one is at once.',
        examples: ['1m'],
      }),
    keep: duration.prefault('1h').meta({
      description: 'How old a secret may be that is used while its vault cannot be asked.',
      examples: ['4h'],
    }),
  })
  .refine(({ refresh, keep }) => keep > refresh, {
    path: ['keep'],
    error: 'must be longer than secrets.refresh',
  })
  .prefault({});
