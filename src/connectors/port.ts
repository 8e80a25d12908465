import { z } from 'zod';
import type { BreakerSettings } from '../domain/breaker.js';
import type { Column, Mapped } from '../domain/columns.js';
import type { Rate, RateSettings } from '../domain/rate.js';
import { eventStream } from './event-stream.js';
import type { Gate } from './gate.js';
import type { VendorHttp } from './http.js';
import type { Webhook } from './webhook.js';

/**
 * The connector port: one declarative value per outside system. A connector knows neither Temporal nor its
 * siblings, keeps no state between calls but its token (refreshed once per process, never returned or stored),
 * and throws only `BatonError`.
 */
export interface Connector<C = unknown> {
  /** The `type` of a connection in baton.yaml: `coupa`. */
  readonly type: string;
  /** The system's own name: `Coupa`. */
  readonly system: string;
  /** zod schema of the connection's settings beyond `type`, secrets still as `secret://` references. */
  readonly connection: z.ZodType<C>;
  readonly streams: Readonly<Record<string, Stream>>;
  /** Against what it was tried, beside our own tests of its parts. */
  readonly verifiedAgainst: readonly [Verification, ...Verification[]];
  /** What it can write, and how certain one visible effect per cause is; several where that depends on its settings. */
  readonly writes?: Readonly<Partial<Record<Write, readonly [Guarantee, ...Guarantee[]]>>>;
  /** How the system's webhooks are verified and read; absent where it sends none that we take. */
  readonly webhook?: Webhook;
  /** The streams that a connection declares itself, instead of `streams`. */
  streamsOf?(settings: C): Readonly<Record<string, Stream>>;
  /** The vendor's documented limit, less what others need, where the connection's `limits` set none. */
  rate?(settings: Readonly<Record<string, unknown>>): Rate;
  /** Whether a connection may do without `baseUrl`: then it takes webhooks and nothing is asked of it. */
  readonly mayOnlySend?: true;
  /** Opens the connection: cheap, no request yet. Absent where the system only sends to us. */
  open?(settings: ResolvedConnection): OpenConnection;
}

/** `documented examples`: messages as the vendor's documentation shows them. */
export type Verification =
  | 'sandbox'
  | 'documented examples'
  | `independent server: ${string}`
  | 'live account';

/** The ways in which an outside system is written to; the kinds of effects, measurements, and syncs that it does itself. */
export type Write =
  | 'ticket.open'
  | 'ticket.update'
  | 'message.send'
  | 'command.send'
  | 'series.push'
  | 'sync.start';

/** A connector whose system we ask. */
export type OpenableConnector<C = unknown> = Connector<C> & Required<Pick<Connector<C>, 'open'>>;

export function defineConnector<C>(connector: OpenableConnector<C>): OpenableConnector<C> {
  return connector;
}

/** A connector whose system only sends to us. */
export function defineSender(
  sender: Required<Pick<Connector, 'type' | 'system' | 'verifiedAgainst' | 'webhook'>>,
): Connector {
  return { ...sender, connection: z.strictObject({}), streams: {} };
}

/** The streams of a connection with these settings, which its connector has validated; its events among them. */
export function streamsOf(connector: Connector, settings: unknown): Readonly<Record<string, Stream>> {
  const own = connector.streamsOf?.(connector.connection.parse(settings)) ?? connector.streams;
  return connector.webhook === undefined ? own : { ...own, [eventStream.name]: eventStream };
}

/** A connection as configured, validated, with every secret reference resolved to a `Secret` in place. */
export interface ResolvedConnection {
  /** Its name in baton.yaml: `coupa`. */
  readonly name: string;
  readonly type: string;
  readonly baseUrl: string;
  /** The connector's own settings (auth, channel …), validated by `connection`. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly limits: ConnectionLimits;
  /** What its requests go through; a gate of this process alone when not given. */
  readonly gate?: Gate;
  /** Called once per HTTP answer or failure; for metrics. Never sees bodies, headers or query strings. */
  readonly onRequest?: (event: RequestEvent) => void;
  /** The same connection with its secrets read anew, asked for when the vendor refused these; null when they are no others. */
  readonly renewed?: () => Promise<Pick<OpenConnection, 'http' | 'vendorNow'> | null>;
}

export interface ConnectionLimits extends RateSettings {
  readonly timeoutMs: number;
  /** Requests at once, where a stream can be read in ranges; 4 when not given. */
  readonly requestsInFlight?: number;
  readonly maxResponseBytes: number;
  readonly breaker?: Omit<BreakerSettings, 'probeMs'>;
}

export interface RequestEvent {
  readonly connection: string;
  readonly method: string;
  /** HTTP status, or `error` when there was none. */
  readonly status: number | 'error';
  readonly durationMs: number;
  readonly rateLimitWaitMs?: number;
}

export interface OpenConnection {
  readonly name: string;
  readonly http: VendorHttp;
  /** The vendor's own clock, from the Date header of a cheap authenticated call. */
  vendorNow(signal?: AbortSignal): Promise<Date>;
  /** Ticks DNS, TLS, auth, scope per stream, sample read and clock skew; stops at the first failure. */
  check(signal?: AbortSignal): AsyncIterable<CheckTick>;
  readonly ticketDesk?: TicketDesk;
  readonly notifier?: Notifier;
  readonly commands?: CommandDesk;
  readonly series?: SeriesSink;
  readonly syncs?: SyncDesk;
  /** Closes keep-alive sockets. */
  close(): void;
}

export interface CheckTick {
  readonly step: 'secret' | 'dns' | 'tls' | 'auth' | 'scope' | 'sample' | 'clock';
  readonly state: 'ok' | 'failed' | 'skipped';
  /** What was found: `3 ms`, `core.supplier.read`, `5 records`. */
  readonly detail: string;
  /** On failure: what to do about it, naming the vendor's own screen where one is known. */
  readonly fix?: string;
}

// --- streams -----------------------------------------------------------------------------------------------

/** The window of an incremental read: from (inclusive, null = the beginning) to (exclusive), RFC 3339 UTC. */
export interface Window {
  readonly from: string | null;
  readonly to: string;
}

/** Where paging stands: JSON-serialisable, opaque to all but its paginator, stored beside each landed part. */
export type Cursor = Readonly<Record<string, string | number | boolean | null>>;

export interface Page {
  /** The records as received, one Buffer each: the vendor's own bytes, line breaks between tokens as spaces. */
  readonly records: readonly Buffer[];
  /** Where to go on; null at the end. */
  readonly next: Cursor | null;
  /** HTTP calls this page took (retries with a fresh token included). */
  readonly calls: number;
  readonly bytes: number;
}

export interface Stream {
  /** `purchase_orders`. Also its folder in the lake. */
  readonly name: string;
  /** The vendor's documentation page of the call. */
  readonly docs: string;
  /** Scope or permission that the read needs, for `check()`. */
  readonly scope?: string;
  /** `incremental`: honours the window. `full`: reads everything each time; the window only names the batch. */
  readonly mode: 'incremental' | 'full';
  /** Path of the key in the vendor's record: `id`. */
  readonly primaryKey: string;
  /** Path of the vendor's change time in the record, for incremental streams: `updated-at`. */
  readonly cursorField: string | null;
  /** Re-read this much before the last watermark, against late commits at the vendor. */
  readonly lagMs: number;
  /** Columns of the mapped row. The first is the primary key. */
  readonly columns: readonly Column[];
  /** Name of the column that says which of two versions is newer (`updated_at`), if the vendor gives one. */
  readonly versionColumn: string | null;
  /** Name of the boolean column in which the vendor says that the record is deleted, if it says so at all. */
  readonly deletedColumn?: string;
  /** One page. `cursor` null = the first. Never returns a page twice for one cursor chain. */
  readPage(
    connection: OpenConnection,
    window: Window,
    cursor: Cursor | null,
    options: ReadOptions,
  ): Promise<Page>;
  /**
   * Cuts what lies behind `cursor` into ranges that may be read side by side: the cursor that each begins with; each
   * ends by itself. Null where that is not worth it. Absent where the vendor's pages only follow one another.
   * `first` holds the records of the first page.
   */
  split?(
    connection: OpenConnection,
    window: Window,
    cursor: Cursor,
    first: readonly Buffer[],
    options: ReadOptions,
  ): Promise<{ readonly starts: readonly Cursor[]; readonly calls: number } | null>;
  /** How what there is is compared with what was loaded. Absent where the vendor has no cheap way to say it. */
  readonly keys?: Keys;
  /** How the vendor is told that a record was taken over, once it is in the warehouse. Absent where it is not to be told. */
  readonly acknowledgement?: Acknowledgement;
  /** Throws ERR_CURSOR_INVALID when a stored cursor is unreadable or lies in the future; before any request. */
  checkCursor(cursor: unknown, window: Window): Cursor;
  /** One record's verdict. Pure and total: garbage in gives `quarantined`, never an exception. */
  map(record: Buffer, parameters?: Parameters): Mapped;
}

/** A record without its contents: its key as mapped, and its version (RFC 3339); null where that is unreadable. */
export interface RecordKey {
  readonly id: string;
  readonly version: string | null;
}

/** What there is at the vendor, key by key. */
export interface Keys {
  /** The most records that one call of `read` takes. */
  readonly perCall: number;
  /** One page of the keys of records changed in the window, without those that the mapper filters. */
  list(
    connection: OpenConnection,
    window: Window,
    cursor: Cursor | null,
    options: ReadOptions,
  ): Promise<{ readonly keys: readonly RecordKey[]; readonly next: Cursor | null; readonly calls: number }>;
  /** The records of these keys, as `readPage` gives them; those that are not there any more are left out. */
  read(connection: OpenConnection, ids: readonly string[], options: ReadOptions): Promise<Page>;
  /** The keys of records as `read` gave them. */
  keyOf(record: Buffer): string | null;
  /** Whether the vendor, asked for this one record, says that it does not exist. One call. */
  isGone(connection: OpenConnection, id: string, options: ReadOptions): Promise<boolean>;
}

/** The vendor's own mark of what was taken over. */
export interface Acknowledgement {
  /** The vendor's documentation page of the call. */
  readonly docs: string;
  /** The record's key where the vendor does not know yet that it was taken over; else null. Pure and total. */
  due(record: Buffer): string | null;
  /** Tells it, in one call; again changes nothing. False when there is no such record any more. */
  send(connection: OpenConnection, id: string, signal: AbortSignal): Promise<boolean>;
}

/** Whether what the stream's vendor has deleted can be found by listing its keys, and only so. */
export function isToSweep(stream: Stream | undefined): boolean {
  return stream?.keys !== undefined && stream.deletedColumn === undefined;
}

/** Values that the pipeline binds to a stream, for its reads and its mapper: the day range of the rates, the customer field … */
export type Parameters = Readonly<Record<string, string>>;

export interface ReadOptions {
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
  readonly parameters?: Parameters;
}

// --- effects -----------------------------------------------------------------------------------------------

/** How certain one visible effect per cause is; shown by `baton effects list`. */
export type Guarantee = 'exact' | 'once_after_looking' | 'at_least_once';

/** The stored intent of one outward write. The body is frozen: a re-run sends these very values. */
export interface EffectRequest {
  /** The ledger's key, `tenant/cause/action/ordinal`. */
  readonly key: string;
  /** Short marker derived from the key (`btn-` + 20 hex), findable at the vendor. */
  readonly marker: string;
  /** When this key was first sent, if ever; null before the first send. */
  readonly firstSentAt: Date | null;
  readonly body: TicketBody | TicketUpdate | Message | Command;
}

/** What one send came to. `unknown` = the bytes may have arrived. Never thrown: a send always answers one of these. */
export type SendOutcome =
  | {
      readonly kind: 'confirmed';
      readonly remoteId: string;
      readonly remoteUrl: string | null;
      readonly adopted: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly retryable: boolean;
      readonly reason: string;
      readonly retryAfterMs?: number;
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** What a look for our own marker came to. `cannot_look` = the vendor could not be asked. */
export type LookOutcome =
  | { readonly kind: 'found'; readonly remoteIds: readonly string[]; readonly remoteUrl: string | null }
  | { readonly kind: 'absent' }
  | { readonly kind: 'cannot_look'; readonly reason: string };

/** An action that writes at a vendor, with its declared guarantee. */
export interface EffectAction {
  readonly guarantee: Guarantee;
  /** The vendor's documentation page of the call. */
  readonly docs: string;
  /** How long after an unknown outcome the vendor may still commit: look only afterwards. */
  readonly settleMs: number;
  /** Whether, at this moment, sending the same key again is safe without looking (the vendor remembers it). */
  resendIsSafe(request: EffectRequest, now: Date): boolean;
  send(request: EffectRequest, signal: AbortSignal): Promise<SendOutcome>;
  look(request: EffectRequest, signal: AbortSignal): Promise<LookOutcome>;
}

export interface TicketDesk {
  /** body: TicketBody. */
  readonly open: EffectAction;
  /** body: TicketUpdate: comments, and sets the status absolutely. */
  readonly update: EffectAction;
  /**
   * Every ticket there that carries a marker of ours, deleted and archived ones included; a ticket may come twice.
   * Consistent: what was opened before the call is among them.
   */
  markedTickets(signal: AbortSignal): AsyncIterable<MarkedTicket>;
  /** Marks a surplus ticket of ours as a duplicate and closes it. */
  closeDuplicate(remoteId: string, keptId: string, signal: AbortSignal): Promise<void>;
}

/** A ticket of ours as the desk has it. */
export interface MarkedTicket {
  readonly remoteId: string;
  readonly remoteUrl: string | null;
  readonly marker: string;
  readonly isSolved: boolean;
  readonly createdAt: Date;
  readonly body: TicketBody;
}

export interface Notifier {
  /** body: Message. */
  readonly send: EffectAction;
  /** What `send` would send of it, escaped for its target, with `[secret]` where a secret goes. Sends nothing. */
  preview(message: Message, marker: string): unknown;
}

/** What keeps measurements over time. */
export interface SeriesSink {
  /**
   * Sends what was measured at this time. The same again replaces what was sent: it does no harm. Throws ERR_SOURCE_*
   * when not all of it was taken.
   */
  push(measured: readonly Measured[], at: Date, signal: AbortSignal): Promise<void>;
}

/** One number, by its name and labels. */
export interface Measured {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What takes commands: a service that does something, and can take it back. */
export interface CommandDesk {
  readonly names: readonly string[];
  /** body: Command. */
  readonly send: EffectAction;
}

/** A service that moves data by itself: its syncs are started and watched, one of them at a time for each id. */
export interface SyncDesk {
  /** What keeps a repeat from being a second sync. */
  readonly guarantee: Guarantee;
  /** The vendor's documentation page of the call that starts one. */
  readonly docs: string;
  /** How long after an unknown outcome the vendor may still start it: look again only afterwards. */
  readonly settleMs: number;
  /** How the syncs of this id stand. Consistent: what was started before the call is seen. Throws ERR_SOURCE_*. */
  state(id: string, signal: AbortSignal): Promise<SyncState>;
  /** Asks for one sync, once. Whether one runs already is for the caller to see first: some vendors refuse then. */
  start(id: string, signal: AbortSignal): Promise<SendOutcome>;
}

export interface SyncState {
  /** One is under way, or will go on by itself. */
  readonly isRunning: boolean;
  /** The last that has ended; null when none has. */
  readonly ended: SyncEnd | null;
  /** When the last one succeeded, RFC 3339, by the vendor's clock; null when none did. */
  readonly succeededAt: string | null;
  /** What keeps further ones from starting, in the vendor's words; null = nothing. */
  readonly hindrance: string | null;
}

export interface SyncEnd {
  /** Tells it from those before and after it: the job's id, or when it ended. */
  readonly mark: string;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled';
  /** How it ended, in the vendor's words. */
  readonly words: string;
}

/** Something that a service is to do. */
export interface Command {
  readonly kind: 'command';
  /** Its name in the connection's `commands`. */
  readonly command: string;
  /** What it is about at the service, where it takes back what was done before. */
  readonly remoteId: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface TicketBody {
  readonly kind: 'ticket';
  readonly subject: string;
  /** Plain text, the evidence included. */
  readonly description: string;
  readonly priority: 'low' | 'normal' | 'high' | 'urgent';
  readonly tags: readonly string[];
}

export interface TicketUpdate {
  readonly kind: 'ticket_update';
  readonly remoteId: string;
  readonly comment: string;
  readonly status: 'open' | 'solved' | null;
  /** Where it was solved, by whomever, it is open again; any other status stays as it is. */
  readonly reopens?: boolean;
  /** Set absolutely; as it is when not given. */
  readonly priority?: TicketBody['priority'];
}

export interface Message {
  readonly kind: 'message';
  readonly channel: string;
  readonly title: string;
  /** Plain text; the notifier escapes it for its target. */
  readonly text: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly fields: readonly { readonly name: string; readonly value: string }[];
  readonly links: readonly { readonly label: string; readonly url: string }[];
  /** The message that it answers, by its id there; a message of its own when not given. */
  readonly thread?: string;
  /** With `thread`: somebody has taken up what that message told of. */
  readonly acknowledges?: true;
}
