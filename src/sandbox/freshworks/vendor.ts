import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import type { Settings } from '../settings.js';
import { sameSecret } from '../tokens.js';
import { type Answer, type Call, json, parseObject, type Vendor } from '../wire.js';
import { RateWindow } from '../zendesk/rate-window.js';

/** The keys that the pretended accounts know. */
export const freshserviceKey = 'freshservice-sandbox-key';
export const freshdeskKey = 'freshdesk-sandbox-key';

interface Note {
  readonly id: number;
  readonly body: string;
  readonly private: boolean;
  readonly created_at: string;
}

export interface FreshTicket {
  readonly id: number;
  readonly subject: string;
  readonly description: string;
  readonly status: number;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly email: string;
  readonly requester_id: number;
  readonly deleted: boolean;
  readonly stats: Readonly<Record<'first_responded_at' | 'resolved_at' | 'closed_at', string | null>>;
  readonly created_at: string;
  readonly updated_at: string;
  readonly notes: readonly Note[];
}

/** Records that are only listed: contacts, assets, vendors, purchase orders. */
export type FreshRecord = Readonly<Record<string, unknown>> & {
  readonly updated_at: string;
  readonly deleted?: boolean;
};

export interface FreshStore {
  readonly tickets: readonly FreshTicket[];
  put(ticket: FreshTicket): void;
  readonly lists: Readonly<Record<string, readonly FreshRecord[]>>;
  /** Changes or adds a record of a list, by its id. */
  patch(list: string, record: FreshRecord): void;
}

/** `seeded`: how the account begins. */
export function createFreshStore(
  journal: Journal,
  name: 'freshservice' | 'freshdesk',
  seeded: { readonly tickets: FreshTicket[]; readonly lists: Readonly<Record<string, FreshRecord[]>> },
): FreshStore {
  const { tickets, lists } = seeded;
  const put = journal.register<FreshTicket>(`${name}.ticket`, (ticket) => upsert(tickets, ticket));
  const change = journal.register<{ list: string; record: FreshRecord }>(
    `${name}.record`,
    ({ list, record }) => upsert(lists[list] ?? [], record),
  );
  return { tickets, put, lists, patch: (list, record) => change({ list, record }) };
}

function upsert<T extends Readonly<Record<'id', unknown>> | FreshRecord>(all: T[], record: T): void {
  const at = all.findIndex((one) => (one as FreshRecord)['id'] === (record as FreshRecord)['id']);
  if (at === -1) all.push(record);
  else all[at] = { ...all[at], ...record };
}

const invalid = (field: string, message: string): Answer =>
  json(400, {
    description: 'Validation failed',
    errors: [{ field, message, code: 'invalid_value' }],
  });

/** As people read it. */
function textOf(html: string): string {
  return html
    .replaceAll('<br>', '\n')
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

/** What a list tells of a ticket; descriptions and times of response where they were asked for. */
function shown(
  { notes: _notes, email: _email, stats, description, ...ticket }: FreshTicket,
  has: { readonly stats: boolean; readonly description: boolean },
) {
  return {
    ...ticket,
    ...(has.description ? { description, description_text: textOf(description) } : {}),
    type: 'Incident',
    responder_id: null,
    group_id: null,
    is_escalated: false,
    due_by: null,
    custom_fields: {},
    ...(has.stats ? { stats } : {}),
  };
}

/** A time, or Freshservice's filter `"updated_at:>'2026-06-01'"`, which goes by days. */
function sinceOf(given: string | null): number | null {
  const time = /(\d{4}-\d\d-\d\d[^']*)/.exec(given ?? '')?.[1];
  return time === undefined ? null : Date.parse(time);
}

const whole = { stats: true, description: true };

export interface FreshSystem {
  readonly name: 'freshservice' | 'freshdesk';
  readonly key: string;
  /** Whether answers stand in a member of an object. */
  readonly isEnveloped: boolean;
  /** The last page that a list of tickets has; null = all. */
  readonly mostPages: number | null;
  /** Path of each list below /api/v2, the query that asks for what changed, and the one for what was deleted. */
  readonly lists: Readonly<Record<string, { readonly since?: string; readonly deleted?: string }>>;
}

/** https://developers.freshdesk.com/api/ and https://api.freshservice.com/: the calls that Baton uses. */
export function createFreshworks(
  system: FreshSystem,
  store: FreshStore,
  clock: SandboxClock,
  settings: Settings,
): Vendor {
  const { isEnveloped } = system;
  const within = (member: string, value: unknown) => (isEnveloped ? { [member]: value } : value);
  const account = new RateWindow();
  const now = () => `${clock.now().toISOString().slice(0, 19)}Z`;
  const find = (call: Call) => store.tickets.find(({ id }) => id === Number(call.params['id']));
  const missing: Answer = { status: 404, body: '' };

  function paged<T>(call: Call, all: readonly T[]): { page: readonly T[]; link: Record<string, string> } {
    const size = Math.min(100, Math.max(1, Number(call.query.get('per_page') ?? 30)));
    const number = Math.max(1, Number(call.query.get('page') ?? 1));
    const next = new URLSearchParams(call.query);
    next.set('page', String(number + 1));
    const link = { link: `<${call.baseUrl}${call.path}?${next}>; rel="next"` };
    return {
      page: all.slice((number - 1) * size, number * size),
      link: number * size < all.length ? link : {},
    };
  }

  function list(call: Call): Answer {
    const { query } = call;
    if (system.mostPages !== null && Number(query.get('page') ?? 1) > system.mostPages)
      return invalid('page', `It should be less than or equal to ${system.mostPages}.`);
    const since = query.get('updated_since');
    const from = since === null ? clock.ms() - 30 * 86_400_000 : Date.parse(since);
    const wantsDeleted = query.get('filter') === 'deleted';
    const include = (query.get('include') ?? '').split(',');
    const has = {
      stats: include.includes('stats'),
      description: isEnveloped || include.includes('description'),
    };
    const byChange = query.get('order_by') === 'updated_at';
    const found = store.tickets
      .filter((ticket) => ticket.deleted === wantsDeleted && Date.parse(ticket.updated_at) >= from)
      .toSorted((a, b) =>
        byChange ? Date.parse(a.updated_at) - Date.parse(b.updated_at) || a.id - b.id : a.id - b.id,
      );
    const { page, link } = paged(call, found);
    const tickets = page.map((one) => shown(one, has));
    return json(200, within('tickets', tickets), link);
  }

  /** A list without calls of its own. */
  function listed(name: string, call: Call): Answer {
    const { since, deleted } = system.lists[name] ?? {};
    const from = since === undefined ? null : sinceOf(call.query.get(since));
    const [key = '', value = ''] = (deleted ?? '').split('=');
    const wantsDeleted = deleted !== undefined && call.query.get(key) === value;
    const found = (store.lists[name] ?? []).filter(
      (one) =>
        (one.deleted === true) === wantsDeleted && (from === null || Date.parse(one.updated_at) >= from),
    );
    const { page, link } = paged(call, found);
    return json(200, within(name, page), link);
  }

  function create(call: Call): Answer {
    const body = parseObject(call.body);
    if (body === null) return invalid('body', 'It should be a valid JSON.');
    const { subject, description, email, status, priority, tags } = body;
    if (typeof subject !== 'string' || subject === '') return invalid('subject', 'It should not be blank.');
    if (typeof email !== 'string') return invalid('email', 'It should be a valid email address.');
    if (![2, 3, 4, 5].includes(Number(status))) return invalid('status', 'It should be one of 2, 3, 4, 5.');
    if (![1, 2, 3, 4].includes(Number(priority)))
      return invalid('priority', 'It should be one of 1, 2, 3, 4.');
    const ticket: FreshTicket = {
      id: 1 + Math.max(0, ...store.tickets.map(({ id }) => id)),
      subject,
      description: String(description ?? ''),
      email,
      requester_id: 1,
      stats: { first_responded_at: null, resolved_at: null, closed_at: null },
      status: Number(status),
      priority: Number(priority),
      tags: Array.isArray(tags) ? tags.map(String) : [],
      deleted: false,
      created_at: now(),
      updated_at: now(),
      notes: [],
    };
    store.put(ticket);
    return json(201, within('ticket', shown(ticket, whole)));
  }

  function change(call: Call): Answer {
    const ticket = find(call);
    const body = parseObject(call.body);
    if (ticket === undefined) return missing;
    if (body === null) return invalid('body', 'It should be a valid JSON.');
    const { status, priority, tags } = body;
    const changed: FreshTicket = {
      ...ticket,
      ...(status === undefined ? {} : { status: Number(status) }),
      ...(priority === undefined ? {} : { priority: Number(priority) }),
      ...(Array.isArray(tags) ? { tags: tags.map(String) } : {}),
      updated_at: now(),
    };
    store.put(changed);
    return json(200, within('ticket', shown(changed, whole)));
  }

  function note(call: Call): Answer {
    const ticket = find(call);
    const body = parseObject(call.body);
    if (ticket === undefined) return missing;
    if (typeof body?.['body'] !== 'string') return invalid('body', 'It should not be blank.');
    const added: Note = {
      id: ticket.id * 1_000 + ticket.notes.length + 1,
      body: body['body'],
      private: body['private'] !== false,
      created_at: now(),
    };
    store.put({ ...ticket, updated_at: now(), notes: [...ticket.notes, added] });
    const conversation = { ...added, body_text: textOf(added.body), ticket_id: ticket.id };
    return json(201, within('conversation', conversation));
  }

  function conversations(call: Call): Answer {
    const ticket = find(call);
    if (ticket === undefined) return missing;
    const { page, link } = paged(call, ticket.notes);
    const notes = page.map((one) => ({ ...one, body_text: textOf(one.body) }));
    return json(200, within('conversations', notes), link);
  }

  const one = (call: Call): Answer => {
    const ticket = find(call);
    return ticket === undefined ? missing : json(200, within('ticket', shown(ticket, whole)));
  };

  return {
    name: system.name,
    routes: [
      { method: 'GET', path: '/api/v2/tickets', handle: list },
      { method: 'POST', path: '/api/v2/tickets', handle: create },
      { method: 'GET', path: '/api/v2/tickets/:id', handle: one },
      { method: 'PUT', path: '/api/v2/tickets/:id', handle: change },
      { method: 'POST', path: '/api/v2/tickets/:id/notes', handle: note },
      { method: 'GET', path: '/api/v2/tickets/:id/conversations', handle: conversations },
      ...Object.keys(system.lists).map((name) => ({
        method: 'GET' as const,
        path: `/api/v2/${name}`,
        handle: (call: Call) => listed(name, call),
      })),
    ],
    throttle(call) {
      const limit = settings.freshworksPerMinute;
      if (limit === null) return null;
      const { remaining, resetSeconds } = account.count(limit, Date.now(), creditsOf(call));
      if (remaining >= 0) return null;
      const message = 'You have exceeded the limit of requests per minute';
      return json(
        429,
        { message },
        {
          'retry-after': String(resetSeconds),
          'x-ratelimit-total': String(limit),
          'x-ratelimit-remaining': '0',
        },
      );
    },
    authenticate(call) {
      const given = /^Basic (.+)$/i.exec(call.headers.authorization ?? '')?.[1] ?? '';
      const [key = ''] = Buffer.from(given, 'base64').toString('utf8').split(':');
      return sameSecret(key, system.key)
        ? null
        : json(401, {
            code: 'invalid_credentials',
            message: 'You have to be logged in to perform this action.',
          });
    },
    refuse: (status) => json(status, { code: 'error', message: `it was answered ${status}` }),
  };
}

/** What is embedded counts for further requests: two in a list, one in a record. */
function creditsOf({ path, query }: Call): number {
  const embedded = query.get('include')?.split(',').length ?? 0;
  return 1 + embedded * (/\/\d+$/.test(path) ? 1 : 2);
}
