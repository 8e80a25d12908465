import type { Caught } from './locks.js';
import type { Program } from './program.js';
import { until } from './wait.js';
import type { Role, World } from './world.js';

/** The workers of one role. Whoever is at a point is stopped there, and comes back when another has gone past it. */
export class Crew {
  readonly #world: World;
  readonly #role: Role;
  readonly #members: Program[];

  constructor(world: World, role: Role, first: Program) {
    this.#world = world;
    this.#role = role;
    this.#members = [first];
  }

  /** `point` answers which process has got there; `overtaken` is looked at until it is true. */
  async freezeAt(point: () => Promise<Caught>, overtaken: () => Promise<boolean>): Promise<void> {
    const { pid, release } = await point();
    const frozen = this.#members.find((member) => pid === null || member.pid() === pid);
    if (frozen === undefined) throw new Error(`process ${pid} is no worker`);
    frozen.freeze();
    await release();
    if (this.#members.length === 1) {
      const second = this.#world.worker(this.#role, `worker-${this.#role}-2`);
      await second.start();
      this.#members.push(second);
    }
    await until('another worker has gone past the point', overtaken, 120_000, 100);
    frozen.thaw();
  }
}
