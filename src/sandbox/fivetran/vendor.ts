import type { SyncRun, SyncStore } from '../syncs.js';
import { sameSecret } from '../tokens.js';
import { type Answer, type Call, json, parseObject, type Vendor } from '../wire.js';

/** The key that the pretended service knows. */
export const fivetranKey = { apiKey: 'baton-demo', apiSecret: 'fivetran-sandbox-api-secret' } as const;

type SetupState = 'connected' | 'broken';

/** The connections that there are, with the state of their setup. */
export const fivetranConnections: Readonly<Record<string, SetupState>> = {
  sandbox_orders: 'connected',
  sandbox_tickets: 'connected',
  sandbox_broken: 'broken',
};

const hourlyRequests = 20_000;
/** How long its source puts a sync off. */
const putOffMs = 2_000;
const createdAt = '2026-05-01T09:00:00.000000Z';

const codes: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'AuthFailed',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  429: 'TooManyRequests',
};

function refuse(status: number, message = `it was answered ${status}`): Answer {
  return json(status, { code: codes[status] ?? 'InternalError', message });
}

/** https://fivetran.com/docs/rest-api: connections and their syncs. Times have six places. */
export function createFivetran(store: SyncStore): Vendor {
  let requests = 0;
  const missing = (id: string) =>
    json(404, { code: 'NotFound_Connection', message: `Connection with id '${id}' does not exist` });
  const timeOf = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z');
  const timeText = (run: SyncRun | undefined): string | null =>
    run === undefined ? null : timeOf(run.endsMs);

  function shown(id: string, setup: SetupState): Record<string, unknown> {
    const runs = store.runs.filter(({ connection }) => connection === id);
    const isRunning = runs.some((run) => store.isRunning(run));
    const over = runs.filter((run) => !store.isRunning(run));
    const ended = over.filter(({ isPutOff }) => !isPutOff);
    const last = over.at(-1);
    const isPutOff = !isRunning && last?.isPutOff === true;
    const failed = ended.findLast(({ fails }) => fails);
    const message = 'We could not read from the source: its credentials have expired';
    const isTold = setup === 'broken' || ended.at(-1)?.fails === true;
    return {
      id,
      service: 'postgres',
      schema: id,
      group_id: 'sandbox_group',
      service_version: 1,
      connected_by: 'sandbox_user',
      created_at: createdAt,
      succeeded_at: timeText(ended.findLast(({ fails }) => !fails)),
      failed_at: timeText(failed),
      paused: false,
      sync_frequency: 360,
      schedule_type: 'manual',
      status: {
        setup_state: setup,
        schema_status: 'ready',
        sync_state: isRunning ? 'syncing' : isPutOff ? 'rescheduled' : 'scheduled',
        rescheduled_for: isPutOff ? timeOf(last.endsMs + putOffMs) : null,
        update_state: isTold ? 'delayed' : 'on_schedule',
        is_historical_sync: false,
        tasks: isTold ? [{ code: 'reconnect', message }] : [],
        warnings: [],
      },
    };
  }

  function read(call: Call): Answer {
    const { id = '' } = call.params;
    const setup = fivetranConnections[id];
    return setup === undefined ? missing(id) : json(200, { code: 'Success', data: shown(id, setup) });
  }

  /** Beside one that runs this does nothing. */
  function sync(call: Call): Answer {
    const { id = '' } = call.params;
    if (parseObject(call.body) === null) return refuse(400, 'The body is not JSON');
    if (fivetranConnections[id] === undefined) return missing(id);
    store.start(id);
    const message = `Sync has been successfully triggered for connection with id '${id}'`;
    return json(200, { code: 'Success', message });
  }

  function list(): Answer {
    const items = Object.entries(fivetranConnections).map(([id, setup]) => shown(id, setup));
    return json(200, { code: 'Success', data: { items, next_cursor: null } });
  }

  const counted =
    (handle: (call: Call) => Answer) =>
    (call: Call): Answer => {
      requests += 1;
      const left = String(Math.max(0, hourlyRequests - requests));
      const answer = handle(call);
      const headers = { 'x-rate-limit': String(hourlyRequests), 'x-rate-limit-remaining': left };
      return { ...answer, headers: { ...answer.headers, ...headers } };
    };

  return {
    name: 'fivetran',
    routes: [
      { method: 'GET', path: '/v1/connections', handle: counted(list) },
      { method: 'GET', path: '/v1/connections/:id', handle: counted(read) },
      { method: 'POST', path: '/v1/connections/:id/sync', handle: counted(sync) },
    ],
    authenticate({ headers }) {
      const pair = Buffer.from(`${fivetranKey.apiKey}:${fivetranKey.apiSecret}`).toString('base64');
      const isKnown = sameSecret(headers.authorization ?? '', `Basic ${pair}`);
      return isKnown ? null : refuse(401, 'Wrong key or secret');
    },
    refuse: (status) => refuse(status),
  };
}
