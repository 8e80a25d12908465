import { nearest } from '../../config/closest.js';
import type { BatonConfig } from '../../config/index.js';
import { createRunStore, type RunRow } from '../../control/runs.js';
import { pipelineIdOf } from '../../pipelines/index.js';
import { BatonError } from '../../protocol/errors.js';
import type { Cli } from '../context.js';

/** The configured pipeline of a name (or alias). Throws ERR_UNKNOWN_NAME with the nearest ones. */
export function knownPipeline(config: BatonConfig, name: string): string {
  const id = pipelineIdOf(name) ?? name;
  if (Object.hasOwn(config.pipelines, id)) return id;
  const names = Object.keys(config.pipelines);
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No pipeline "${name}".${nearest(name, names)}`,
    fix: 'Name one of the pipelines of baton.yaml.',
  });
}

/** The one run of an id, a prefix of its short id, or `latest`. Throws ERR_RUN_NOT_FOUND, also when several match. */
export async function knownRun(cli: Cli, reference: string): Promise<RunRow> {
  const store = createRunStore(await cli.control());
  const found = await store.find(reference);
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  if (found.length > 1) {
    const all = found.map((run) => run.short_id).join(', ');
    throw new BatonError('ERR_RUN_NOT_FOUND', {
      detail: `"${reference}" is the beginning of several runs: ${all}.`,
    });
  }
  const recent = (await store.list({ limit: 100 })).map((run) => run.short_id);
  const hint = recent.length === 0 ? ' There are no runs yet.' : nearest(reference, recent, '');
  throw new BatonError('ERR_RUN_NOT_FOUND', {
    detail: `No run "${reference}".${hint}`,
    fix: 'See all: baton runs list',
  });
}
