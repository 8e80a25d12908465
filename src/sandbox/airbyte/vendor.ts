import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import type { Settings } from '../settings.js';
import type { SyncRun, SyncStore } from '../syncs.js';
import { sameSecret, TokenIssuer } from '../tokens.js';
import { type Answer, type Call, json, parseObject, type Vendor } from '../wire.js';

/** The application that the pretended service knows. */
export const airbyteApplication = {
  clientId: 'baton-demo',
  clientSecret: 'airbyte-sandbox-client-secret',
} as const;

/** The connections that there are. */
export const airbyteConnections: readonly string[] = [
  '8a2e9c31-5d04-4f6b-9b1e-3c7d20f4a601',
  '8a2e9c31-5d04-4f6b-9b1e-3c7d20f4a602',
];

const tokenSeconds = 900;
const defaultLimit = 20;

/** Problems by status: title, detail. https://reference.airbyte.com/reference/errors */
const problems: Readonly<Record<number, readonly [string, string]>> = {
  400: ['bad-request', 'The request could not be understood by the server due to malformed syntax.'],
  401: ['invalid-api-key', 'The API key in the Authorization header is invalid.'],
  403: ['forbidden', 'The request is forbidden.'],
  409: ['try-again-later', 'Please try again later.'],
  422: ['unprocessable-entity', 'The body of the request was not understood'],
};

function problem(status: number, message?: string, title = problems[status]?.[0]): Answer {
  const [known, detail] = problems[status] ?? ['unexpected-problem', 'An unexpected problem has occurred.'];
  return json(status, {
    status,
    type: `https://reference.airbyte.com/reference/errors#${title ?? known}`,
    title: title ?? known,
    detail,
    documentationUrl: null,
    data: message === undefined ? null : { message },
  });
}

/** As OffsetDateTime writes it: without seconds where there are none. */
function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`.replace(/:00Z$/, 'Z');
}

/** https://reference.airbyte.com: POST /v1/applications/token, POST and GET /v1/jobs. What is not there is 400. */
export function createAirbyte(
  store: SyncStore,
  clock: SandboxClock,
  journal: Journal,
  settings: Settings,
): Vendor {
  const tokens = new TokenIssuer('airbyte', airbyteApplication.clientSecret, () => clock.ms());
  const revoke = journal.register<number>('airbyte.revoke', (ms) => tokens.setValidFrom(ms));
  const missing = () => problem(400, undefined, 'resource-not-found');

  function token(call: Call): Answer {
    const form = parseObject(call.body) ?? Object.fromEntries(new URLSearchParams(call.body));
    const { client_id: id, client_secret: secret } = form;
    if (id !== airbyteApplication.clientId || !sameSecret(String(secret), airbyteApplication.clientSecret))
      return problem(401);
    const access = tokens.issue(['api'], tokenSeconds);
    return json(200, { access_token: access, token_type: 'Bearer', expires_in: tokenSeconds });
  }

  function shown(run: SyncRun): Record<string, unknown> {
    const isRunning = store.isRunning(run);
    const status = isRunning ? 'running' : run.fails ? 'failed' : 'succeeded';
    const until = isRunning ? clock.ms() : run.endsMs;
    return {
      jobId: run.id,
      status,
      jobType: 'sync',
      startTime: timeText(run.startedMs),
      connectionId: run.connection,
      ...(isRunning ? {} : { lastUpdatedAt: timeText(run.endsMs) }),
      duration: `PT${Math.round((until - run.startedMs) / 1000)}S`,
      ...(isRunning ? {} : { bytesSynced: run.fails ? 0 : 4_096, rowsSynced: run.fails ? 0 : 128 }),
    };
  }

  function create(call: Call): Answer {
    const { connectionId, jobType } = parseObject(call.body) ?? {};
    if (typeof connectionId !== 'string' || jobType !== 'sync') return problem(422);
    if (!airbyteConnections.includes(connectionId)) return missing();
    const run = store.start(connectionId);
    if (run === null) return problem(409, `A sync is already running for: ${connectionId}`);
    return json(200, shown(run));
  }

  /** Oldest first, unless `orderBy` says otherwise. */
  function list(call: Call): Answer {
    const order = call.query.get('orderBy') ?? 'createdAt|ASC';
    if (!/^(createdAt|updatedAt)\|(ASC|DESC)$/.test(order))
      return problem(400, `Invalid order by clause provided: ${order}`);
    const connection = call.query.get('connectionId');
    if (connection !== null && !airbyteConnections.includes(connection)) return missing();
    const offset = Number(call.query.get('offset') ?? 0);
    const limit = Number(call.query.get('limit') ?? defaultLimit);
    const found = store.runs.filter((run) => connection === null || run.connection === connection);
    const ordered = order.endsWith('DESC') && settings.airbyteOrders ? found.toReversed() : found;
    const data = ordered.slice(offset, offset + limit).map(shown);
    return json(200, { previous: '', next: '', data });
  }

  function read(call: Call): Answer {
    const run = store.runs.find(({ id }) => String(id) === call.params['id']);
    return run === undefined ? missing() : json(200, shown(run));
  }

  return {
    name: 'airbyte',
    routes: [
      { method: 'POST', path: '/v1/applications/token', open: true, handle: token },
      { method: 'POST', path: '/v1/jobs', handle: create },
      { method: 'GET', path: '/v1/jobs', handle: list },
      { method: 'GET', path: '/v1/jobs/:id', handle: read },
    ],
    authenticate: (call) => (tokens.check(call.headers.authorization) === null ? problem(401) : null),
    refuse: (status) => problem(status),
    revokeTokens: () => revoke(tokens.nextValidFromMs()),
  };
}
