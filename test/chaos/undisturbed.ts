import type { RunResult } from '../../src/client/index.js';
import { type Picture, pictureOf } from './picture.js';
import { createWorld, type WorldOptions } from './world.js';

export interface Undisturbed {
  readonly result: RunResult;
  readonly picture: Picture;
}

/** One run with nothing in its way: what every disturbed one over the same data is compared with. */
export async function runUndisturbed(options: WorldOptions): Promise<Undisturbed> {
  const world = await createWorld(options);
  try {
    await world.startWorkers();
    const result = await world.resultOf(await world.startRun());
    await world.settled();
    return { result, picture: await pictureOf(world) };
  } finally {
    await world.close();
  }
}
