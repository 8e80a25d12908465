import type { z } from 'zod';
import type { Alert } from '../domain/alert.js';

/**
 * How a vendor sends events to us. A connector that takes webhooks declares one: what it sends, how it signs, and what
 * a delivery says of itself. Knows no HTTP server, no store and no clock.
 */
export interface Webhook {
  /** The vendor's documentation page of its webhooks. */
  readonly docs: string;
  /** Media types that this sender sends, without parameters; others are refused unread. */
  readonly contentTypes: readonly string[];
  /** zod schema of the connection's `webhook:` block; secrets as `secret://` references. */
  readonly settings: z.ZodType;
  /** How long the sender may send one delivery again: the same content within it is the same event, where it gives no id. */
  readonly resendMs: number;
  /** The alerts that a delivery tells of, `content` being its body as parsed; absent where the sender is no monitoring. Total. */
  alerts?(content: unknown): readonly Alert[];
  /** Cheap, no request. */
  open(settings: Readonly<Record<string, unknown>>): OpenWebhook;
}

export interface HookRequest {
  /** Names in small letters; one that came twice is there as one text, joined by a comma. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The address's query, for a sender that can put a secret nowhere else. */
  readonly query: Readonly<Record<string, string | undefined>>;
  /** The bytes as they came: signatures are of these. */
  readonly body: Buffer;
  readonly receivedAt: Date;
}

/** `why` is for our log alone: a reply that said it would teach a forger. */
export type Verdict = { readonly genuine: true } | { readonly genuine: false; readonly why: string };

/** What a delivery says of itself. */
export interface Delivery {
  /** The sender's id of the delivery, the same when it is sent again; null when it gives none. */
  readonly id: string | null;
  /** The sender's name of what happened: `zen:event-type:ticket.created`. */
  readonly type: string;
  /** What it is about at the sender, such as a ticket's id; null when it does not say. */
  readonly subject: string | null;
  readonly occurredAt: Date | null;
}

/** What is answered at once and is no event. */
export interface Handshake {
  readonly contentType: string;
  readonly body: string;
}

export interface OpenWebhook {
  /** In constant time; within five minutes of the signed time where one is signed; by either secret while two are set. */
  verify(request: HookRequest): Verdict | Promise<Verdict>;
  /** Total: a body that is well-formed and was verified always gives a delivery. `content` is the body as parsed. */
  describe(request: HookRequest, content: unknown): Delivery;
  /** An answer to a sender that wants to know whether this address is ours; null for an event. */
  handshake?(request: HookRequest, content: unknown): Handshake | null | Promise<Handshake | null>;
  /** Parses a body that is not JSON. Throws a BatonError that says what is wrong with it. */
  parse?(body: Buffer): unknown;
  /** What a sender wants to read in a 2xx reply; empty when not given. */
  readonly acknowledgement?: Handshake;
}
