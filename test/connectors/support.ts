import { inspect } from 'node:util';
import { expect } from 'vitest';
import type {
  ConnectionLimits,
  Connector,
  EffectAction,
  OpenableConnector,
  OpenConnection,
  Page,
  Stream,
  Window,
  Write,
} from '../../src/connectors/port.js';
import { BatonError, type ErrorName } from '../../src/protocol/errors.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import type { VendorName } from '../../src/sandbox/wire.js';

/** Planted where secrets stand; searched for in everything that an error shows. */
export const canary = {
  coupaClientSecret: 'canary-coupa-4f1d9c',
  zendeskApiToken: 'canary-zendesk-77ab01',
  salesforceClientSecret: 'canary-salesforce-e2c0',
  slackBotToken: 'xoxb-canary-slack-19aa',
} as const;

export function sandboxForTests(records = 320): Promise<Sandbox> {
  return startSandbox({ port: 0, secrets: canary, records, coupaLimit: null });
}

export interface Opening {
  readonly connector: OpenableConnector;
  readonly vendor: VendorName;
  readonly settings: Readonly<Record<string, unknown>>;
}

export const limits = { timeoutMs: 5_000, maxResponseBytes: 20_000_000 } as const satisfies ConnectionLimits;

/** The contract is not about waiting: a rate that never makes anyone wait. */
const unhurried = { requestsPerSecond: 10_000 };

export function openAgainst(
  sandbox: Pick<Sandbox, 'url'>,
  { connector, vendor, settings }: Opening,
  more: Partial<ConnectionLimits> = {},
): OpenConnection {
  return connector.open({
    name: `${connector.type}-test`,
    type: connector.type,
    baseUrl: `${sandbox.url}/${vendor}`,
    settings,
    limits: { ...limits, ...unhurried, ...more },
  });
}

/** Every write that a connection offers, by its kind. */
export function writesOf(connection: OpenConnection): Readonly<Partial<Record<Write, EffectAction>>> {
  const { ticketDesk, notifier, commands } = connection;
  return {
    ...(ticketDesk === undefined
      ? {}
      : { 'ticket.open': ticketDesk.open, 'ticket.update': ticketDesk.update }),
    ...(notifier === undefined ? {} : { 'message.send': notifier.send }),
    ...(commands === undefined ? {} : { 'command.send': commands.send }),
  };
}

/** What the connector says of its writes before it is opened is what the opened connection says. */
export function expectDeclaredWrites({ writes = {} }: Connector, connection: OpenConnection): void {
  const found = writesOf(connection);
  const { series, syncs } = connection;
  const names = [
    ...Object.keys(found),
    ...(series === undefined ? [] : ['series.push']),
    ...(syncs === undefined ? [] : ['sync.start']),
  ];
  expect(Object.keys(writes).sort()).toEqual(names.sort());
  for (const [kind, action] of Object.entries(found))
    expect(writes[kind as Write], kind).toContain(action.guarantee);
  if (syncs !== undefined) expect(writes['sync.start']).toEqual([syncs.guarantee]);
}

export interface Reading {
  readonly window: Window;
  readonly pageSize: number;
  readonly parameters?: Readonly<Record<string, string>>;
}

export async function walk(
  stream: Stream,
  connection: OpenConnection,
  { window, pageSize, parameters = {} }: Reading,
  from: Page['next'] = null,
): Promise<Page[]> {
  const pages: Page[] = [];
  let cursor = from;
  do {
    const page = await stream.readPage(connection, window, cursor, { pageSize, parameters });
    pages.push(page);
    cursor = page.next;
  } while (cursor !== null && pages.length < 500);
  return pages;
}

export function lines(pages: readonly Page[]): string[] {
  return pages.flatMap(({ records }) => records.map((record) => record.toString('utf8')));
}

/** Runs work that must fail with this catalogue error and show no secret anywhere. */
export async function failure(work: Promise<unknown>, name: ErrorName): Promise<BatonError> {
  const error = await work.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BatonError);
  const baton = error as BatonError;
  expect(`${baton.error}: ${baton.message}`).toMatch(new RegExp(`^${name}: `));
  expectNoSecret(baton);
  return baton;
}

/** Everything that a log, a history or a person can see of a value. */
export function expectNoSecret(value: unknown): void {
  const shown = [
    JSON.stringify(value),
    String(value),
    inspect(value, { depth: 20, showHidden: true }),
    value instanceof Error ? `${value.stack} ${inspect(value.cause, { depth: 20, showHidden: true })}` : '',
    value instanceof BatonError ? JSON.stringify(value.options) : '',
  ].join('\n');
  for (const secret of Object.values(canary)) {
    for (const text of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')]) {
      expect(shown).not.toContain(text);
    }
  }
  expect(shown).not.toMatch(/Bearer [A-Za-z0-9]|Basic [A-Za-z0-9]/);
}
