import { Draw, hashText } from '../../src/sandbox/rng.js';

/** What all random choices of this run derive from; BATON_CHAOS_SEED repeats a run that failed. */
export const chaosSeed = seedOfRun();

function seedOfRun(): number {
  const given = process.env['BATON_CHAOS_SEED'];
  if (given === undefined || given === '') return Math.floor(Math.random() * 2 ** 31);
  if (!/^\d{1,10}$/.test(given)) throw new Error(`BATON_CHAOS_SEED must be a whole number, not ${given}`);
  return Number(given);
}

/** Draws of one scenario, independent of every other's; tells the seed, so that a failure can be repeated. */
export function drawFor(scenario: string): Draw {
  console.log(`chaos: ${scenario} with BATON_CHAOS_SEED=${chaosSeed}`);
  return new Draw(chaosSeed, hashText(scenario));
}
