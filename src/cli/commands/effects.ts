import { createEffectStore, type EffectRow } from '../../control/effects.js';
import type { Handler } from '../context.js';
import { list } from '../render/result.js';
import { formatAge } from '../render/style.js';
import { knownRun } from './names.js';

/** What was written at outside systems, with how certain each is to be there once. */
export const listEffects: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const run = options['run'] === undefined ? {} : { runId: (await knownRun(cli, String(options['run']))).id };
  const state = options['state'] === undefined ? {} : { state: String(options['state']) };
  const found = await createEffectStore(await cli.control()).list({ ...run, ...state, limit: limit + 1 });
  const now = new Date();
  return {
    result: list<EffectRow>({
      items: found.slice(0, limit),
      data: effectData,
      empty: 'Nothing was written at an outside system.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Key', value: (effect) => effect.key, id: true },
        { title: 'Kind', value: (effect) => effect.kind },
        { title: 'At', value: (effect) => effect.connection },
        { title: 'State', value: (effect) => stateOf(effect) },
        { title: 'Guarantee', value: (effect) => effect.guarantee },
        { title: 'Attempts', value: (effect) => String(effect.attempts) },
        { title: 'Remote id', value: (effect) => effect.remote_id ?? '' },
        { title: 'Last error', value: (effect) => effect.last_error ?? '' },
        {
          title: 'Created',
          value: (effect) => effect.created_at.toISOString(),
          show: (effect) => formatAge(effect.created_at, now),
        },
      ],
    }),
  };
};

function stateOf(effect: EffectRow): string {
  return effect.parked_at !== null && effect.state !== 'confirmed'
    ? `${effect.state} (parked)`
    : effect.state;
}

function effectData(effect: EffectRow) {
  return {
    key: effect.key,
    tenant: effect.tenant,
    cause: effect.cause,
    action: effect.action,
    kind: effect.kind,
    connection: effect.connection,
    state: effect.state,
    guarantee: effect.guarantee,
    attempts: effect.attempts,
    marker: effect.marker,
    remoteId: effect.remote_id,
    remoteUrl: effect.remote_url,
    adopted: effect.adopted,
    duplicates: effect.duplicates,
    lastError: effect.last_error,
    body: effect.body,
    runId: effect.run_id,
    createdAt: effect.created_at.toISOString(),
    confirmedAt: effect.confirmed_at?.toISOString() ?? null,
  };
}
