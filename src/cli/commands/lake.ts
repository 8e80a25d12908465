import { type Arrival, arrivalStates, createArrivalStore } from '../../control/arrivals.js';
import type { Handler } from '../context.js';
import { list } from '../render/result.js';
import { formatAge } from '../render/style.js';
import { choice } from './choice.js';

/** What has arrived in the lake to be loaded apart from a run, and what became of each of it. */
export const listArrivals: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const state = choice(options, 'state', arrivalStates) ?? null;
  const found = await createArrivalStore(await cli.control()).list({ state, limit: limit + 1 });
  const now = new Date();
  return {
    result: list<Arrival>({
      items: found.slice(0, limit),
      data: arrivalData,
      empty: 'Nothing has arrived in the lake that is loaded by itself.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Object', value: objectOf, id: true },
        { title: 'Table', value: ({ target }) => target },
        { title: 'State', value: ({ state: of }) => of },
        { title: 'Load', value: ({ load }) => load ?? '' },
        { title: 'Loaded', value: ({ counts }) => String(counts?.loaded ?? '') },
        { title: 'Why', value: ({ reason }) => reason ?? '' },
        {
          title: 'Arrived',
          value: ({ arrived_at }) => arrived_at.toISOString(),
          show: ({ arrived_at }) => formatAge(arrived_at, now),
        },
      ],
    }),
  };
};

/** A batch without records has no object. */
function objectOf({ key, batch_id, generation }: Arrival): string {
  return key ?? `batch ${batch_id}.${generation}, no records`;
}

function arrivalData(arrival: Arrival) {
  const { tenant, target, connection, stream, key, version, state, load, reason, counts } = arrival;
  return {
    tenant,
    target,
    connection,
    stream,
    key,
    version,
    bytes: Number(arrival.bytes),
    state,
    load,
    reason,
    counts,
    arrivedAt: arrival.arrived_at.toISOString(),
    endedAt: arrival.ended_at?.toISOString() ?? null,
  };
}
