/** What an event is and may become, and what is to be done with it. */

export const eventStates = [
  'accepted',
  'dispatched',
  'processed',
  'duplicate',
  'filtered',
  'rejected',
  'dead',
] as const;
export type EventState = (typeof eventStates)[number];

/** Who handles events that need more than to be landed: one file each in src/events/consumers. */
export const consumerNames = ['run', 'triage', 'fulfil', 'files'] as const;
export type ConsumerName = (typeof consumerNames)[number];

/** What a delivery says of itself. */
export interface EventFacts {
  readonly connection: string;
  readonly tenant: string;
  /** `zen:event-type:ticket.created`. */
  readonly type: string;
  /** What it is about at the sender, such as a ticket's id; null where it does not say. */
  readonly subject: string | null;
}

/** What is done with an event besides being landed; the first rule that fits decides. */
export interface EventRule {
  readonly name: string;
  readonly connection: string;
  /** Patterns of types, `*` standing for any text; absent = all. */
  readonly types?: readonly string[] | undefined;
  /** What its content must have, by dotted path; absent = anything. */
  readonly when?: Readonly<Record<string, readonly EventValue[]>> | undefined;
  /** A consumer's name; `land` and `ignore` need none: the event is only landed, or filtered and not even that. */
  readonly do: string;
  /** With `fulfil`: where the order's facts are, instead of `fulfilment.order`. */
  readonly order?: OrderPlaces | undefined;
  /** With `run`: the pipeline of which a run is started. */
  readonly pipeline?: string | undefined;
  /** Key template of an object of its own in the lake; absent = it has none. */
  readonly objects?: string | undefined;
}

export type EventValue = string | number | boolean | null;

/** Where an order's facts are in an event: dotted paths. */
export interface OrderPlaces {
  readonly id: string;
  readonly amount: string;
  readonly currency: string;
}

/** The value at a dotted path of names; undefined where there is none. */
export function valueAt(content: unknown, path: string): unknown {
  let value = content;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** The rule that an event falls under; null = none, so that it is landed only. */
export function ruleFor<R extends EventRule>(
  rules: readonly R[],
  event: Pick<EventFacts, 'connection' | 'type'>,
  content?: unknown,
): R | null {
  return (
    rules.find(
      ({ connection, types, when }) =>
        connection === event.connection &&
        (types?.some((pattern) => fits(pattern, event.type)) ?? true) &&
        Object.entries(when ?? {}).every(([path, values]) =>
          values.some((value) => value === valueAt(content, path)),
        ),
    ) ?? null
  );
}

/** Whether a text is as the pattern says; without backtracking, whatever a stranger's text is. */
export function fits(pattern: string, text: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return text === pattern;
  if (!text.startsWith(head)) return false;
  const tail = rest.pop() ?? '';
  let at = head.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return text.length - tail.length >= at && text.endsWith(tail);
}
