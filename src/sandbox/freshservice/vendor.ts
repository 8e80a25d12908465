import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import { sameSecret } from '../tokens.js';
import { type Answer, type Call, json, parseObject, type Vendor } from '../wire.js';

/** The key that the pretended account knows. */
export const freshserviceKey = 'freshservice-sandbox-key';

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
  readonly deleted: boolean;
  readonly created_at: string;
  readonly updated_at: string;
  readonly notes: readonly Note[];
}

export interface FreshStore {
  readonly tickets: readonly FreshTicket[];
  put(ticket: FreshTicket): void;
}

export function createFreshStore(journal: Journal): FreshStore {
  const tickets: FreshTicket[] = [];
  const put = journal.register<FreshTicket>('freshservice.ticket', (ticket) => {
    const at = tickets.findIndex(({ id }) => id === ticket.id);
    if (at === -1) tickets.push(ticket);
    else tickets[at] = ticket;
  });
  return { tickets, put };
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

function shown({ notes: _notes, email: _email, ...ticket }: FreshTicket) {
  return { ...ticket, description_text: textOf(ticket.description), workspace_id: 2, custom_fields: {} };
}

/** https://api.freshservice.com/#tickets, the few calls that Baton uses. */
export function createFreshservice(store: FreshStore, clock: SandboxClock): Vendor {
  const now = () => clock.now().toISOString();
  const find = (call: Call) => store.tickets.find(({ id }) => id === Number(call.params['id']));
  const missing: Answer = { status: 404, body: '' };

  function paged<T>(call: Call, all: readonly T[]): readonly T[] {
    const size = Math.min(100, Math.max(1, Number(call.query.get('per_page') ?? 30)));
    const page = Math.max(1, Number(call.query.get('page') ?? 1));
    return all.slice((page - 1) * size, page * size);
  }

  function list(call: Call): Answer {
    const since = call.query.get('updated_since');
    const from = since === null ? clock.ms() - 30 * 86_400_000 : Date.parse(since);
    const wantsDeleted = call.query.get('filter') === 'deleted';
    const found = store.tickets
      .filter((ticket) => ticket.deleted === wantsDeleted && Date.parse(ticket.updated_at) >= from)
      .toSorted((a, b) => a.id - b.id);
    return json(200, { tickets: paged(call, found).map(shown) });
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
      status: Number(status),
      priority: Number(priority),
      tags: Array.isArray(tags) ? tags.map(String) : [],
      deleted: false,
      created_at: now(),
      updated_at: now(),
      notes: [],
    };
    store.put(ticket);
    return json(201, { ticket: shown(ticket) });
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
    return json(200, { ticket: shown(changed) });
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
    return json(201, { conversation: { ...added, body_text: textOf(added.body), ticket_id: ticket.id } });
  }

  function conversations(call: Call): Answer {
    const ticket = find(call);
    if (ticket === undefined) return missing;
    const notes = paged(call, ticket.notes).map((one) => ({ ...one, body_text: textOf(one.body) }));
    return json(200, { conversations: notes });
  }

  const one = (call: Call): Answer => {
    const ticket = find(call);
    return ticket === undefined ? missing : json(200, { ticket: shown(ticket) });
  };

  return {
    name: 'freshservice',
    routes: [
      { method: 'GET', path: '/api/v2/tickets', handle: list },
      { method: 'POST', path: '/api/v2/tickets', handle: create },
      { method: 'GET', path: '/api/v2/tickets/:id', handle: one },
      { method: 'PUT', path: '/api/v2/tickets/:id', handle: change },
      { method: 'POST', path: '/api/v2/tickets/:id/notes', handle: note },
      { method: 'GET', path: '/api/v2/tickets/:id/conversations', handle: conversations },
    ],
    authenticate(call) {
      const given = /^Basic (.+)$/i.exec(call.headers.authorization ?? '')?.[1] ?? '';
      const [key = ''] = Buffer.from(given, 'base64').toString('utf8').split(':');
      return sameSecret(key, freshserviceKey)
        ? null
        : json(401, {
            code: 'invalid_credentials',
            message: 'You have to be logged in to perform this action.',
          });
    },
    refuse: (status) => json(status, { code: 'error', message: `it was answered ${status}` }),
  };
}
