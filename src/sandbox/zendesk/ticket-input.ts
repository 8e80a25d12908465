import { isObject } from '../wire.js';
import type { TicketFields } from './tickets.js';
import { botUserId } from './view.js';

const statuses = ['new', 'open', 'pending', 'hold', 'solved', 'closed'] as const;
const priorities = ['urgent', 'high', 'normal', 'low'] as const;
const types = ['problem', 'incident', 'question', 'task'] as const;

/** Field → what is wrong with it, for the vendor's 422. */
export type FieldErrors = Readonly<Record<string, readonly { description: string; error: string }[]>>;

export interface CommentInput {
  readonly body: string;
  readonly public: boolean;
}

export function commentOf(ticket: Readonly<Record<string, unknown>>): CommentInput | null {
  const { comment } = ticket;
  if (!isObject(comment)) return null;
  const body = comment['body'] ?? comment['html_body'];
  return typeof body === 'string' && body !== '' ? { body, public: comment['public'] !== false } : null;
}

function oneOf(name: string, value: unknown, allowed: readonly string[]): FieldErrors {
  if (value === undefined || value === null || allowed.includes(String(value))) return {};
  const description = `${name}: ${String(value)} is not a valid ${name}`;
  return { [name]: [{ description, error: 'InvalidValue' }] };
}

export function errorsOf(ticket: Readonly<Record<string, unknown>>): FieldErrors {
  return {
    ...oneOf('status', ticket['status'], statuses),
    ...oneOf('priority', ticket['priority'], priorities),
    ...oneOf('type', ticket['type'], types),
  };
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function id(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** The fields given, as a change of a kept ticket; those not given stay out. */
export function changeOf(ticket: Readonly<Record<string, unknown>>): Partial<TicketFields> {
  const { tags, custom_fields } = ticket;
  return {
    ...('subject' in ticket ? { subject: text(ticket['subject']) ?? '' } : {}),
    ...('status' in ticket ? { status: text(ticket['status']) ?? 'open' } : {}),
    ...('priority' in ticket ? { priority: text(ticket['priority']) } : {}),
    ...('type' in ticket ? { type: text(ticket['type']) } : {}),
    ...('external_id' in ticket ? { externalId: text(ticket['external_id']) } : {}),
    ...('group_id' in ticket ? { groupId: id(ticket['group_id']) } : {}),
    ...('assignee_id' in ticket ? { assigneeId: id(ticket['assignee_id']) } : {}),
    ...(Array.isArray(tags) ? { tags: tags.map(String) } : {}),
    ...(Array.isArray(custom_fields) ? { customFields: custom_fields } : {}),
  };
}

/** A new ticket's fields. The first comment is the description; without a subject it is the subject too. */
export function fieldsOf(ticket: Readonly<Record<string, unknown>>, comment: CommentInput): TicketFields {
  const defaults: TicketFields = {
    externalId: null,
    subject: comment.body.slice(0, 150),
    description: comment.body,
    status: 'new',
    priority: null,
    type: null,
    tags: [],
    requesterId: id(ticket['requester_id']) ?? botUserId,
    groupId: null,
    assigneeId: null,
    customFields: [],
  };
  return { ...defaults, ...changeOf(ticket) };
}
