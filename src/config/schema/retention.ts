import { z } from 'zod';
import { duration } from './values.js';

const dayMs = 86_400_000;

/** Null = for ever. */
function kept(leastDays: number) {
  const message = `must be forever, or at least ${leastDays === 1 ? 'a day' : `${leastDays} days`}: 400d`;
  return z
    .union([z.literal('forever').transform(() => null), duration], { error: message })
    .refine((value) => value === null || value >= leastDays * dayMs, { error: message });
}

/** How long is kept what is needed no more. What is still needed is kept however old it is. */
export const retentionSchema = z
  .strictObject({
    lake: kept(1)
      .prefault('forever')
      .meta({
        description: 'Objects of batches of which each record has a newer version in the warehouse.',
        examples: ['400d'],
      }),
    runs: kept(1)
      .prefault('400d')
      .meta({ description: 'Runs that have ended, with their steps and receipts.', examples: ['forever'] }),
    effects: kept(30)
      .prefault('400d')
      .meta({
        description: 'Effects whose ticket is resolved, or whose message was sent.',
        examples: ['forever'],
      }),
    events: kept(1)
      .prefault('30d')
      .meta({
        description:
          'Events that have ended and are in the lake, and incidents that have ended, with their decisions.',
        examples: ['forever'],
      }),
    parts: kept(1)
      .prefault('30d')
      .meta({
        description: 'Checkpoints of batches that are loaded; their manifests say the same.',
        examples: ['7d'],
      }),
    every: duration
      .prefault('1h')
      .meta({ description: 'How often it is looked for what is past its time.', examples: ['15m'] }),
  })
  .transform(({ every, ...rest }) => ({ ...rest, everyMs: every }))
  .prefault({});

export type Retention = z.output<typeof retentionSchema>;
