import { createRunStore } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import type { RunProgress } from '../../protocol/run.js';
import type { Cli } from '../context.js';

/** How long the control database is left alone after it did not answer. */
const pauseMs = 10_000;

/**
 * The run's steps with rows and times, as the control database has them: what `watchRun` asks first. Null while the
 * run is not there yet or the database is away; the workflow is asked then, which knows the states only.
 */
export function storedProgress(cli: Cli, id: string): () => Promise<RunProgress | null> {
  let awayUntil = 0;
  return async () => {
    if (Date.now() < awayUntil) return null;
    try {
      return await createRunStore(await cli.control()).progress(id);
    } catch (error) {
      if (!(error instanceof BatonError)) throw error;
      cli.verbose(error.message);
      awayUntil = Date.now() + pauseMs;
      return null;
    }
  };
}
