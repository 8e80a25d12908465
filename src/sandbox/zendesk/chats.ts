import { Draw } from '../rng.js';
import { fromMs } from '../seed/frame.js';
import { type Answer, type Call, json } from '../wire.js';
import { invalid, whole } from './exports.js';

const draws = { chat: 53 } as const;
const chatCount = 260;
const mostPerPage = 1000;
/** No export begins in the last five minutes. */
const youngestSeconds = 300;

export interface Chat {
  readonly id: string;
  /** Of its last change. */
  readonly second: number;
  readonly shown: Readonly<Record<string, unknown>>;
}

const iso = (second: number) => `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;

/** Some were changed in one second, and were answered by nobody. */
export function seededChats(seed: number): readonly Chat[] {
  const all = Array.from({ length: chatCount }, (_, index): Chat => {
    const draw = new Draw(seed, draws.chat, index);
    const second = Math.floor(fromMs / 1000) - (index % 6 === 0 ? 7_200 : draw.int(7_200, 150 * 86_400));
    const id = `2606.4987.${String(index).padStart(5, '0')}Qe`;
    const isMissed = draw.chance(0.2);
    const duration = draw.int(20, 3_000);
    return {
      id,
      second,
      shown: {
        id,
        type: isMissed ? 'offline_msg' : 'chat',
        timestamp: iso(second - duration - draw.int(0, 600)),
        update_timestamp: iso(second),
        duration: isMissed ? null : duration,
        missed: isMissed,
        response_time: isMissed ? null : { first: draw.int(1, 90), avg: draw.int(1, 90) + 0.5, max: 120 },
        visitor: { id: `v${index}`, name: `Zoë ${index + 1}`, email: `customer-${index + 1}@example.com` },
        agent_ids: isMissed ? [] : [String(380_100 + draw.int(0, 20))],
        department_id: draw.chance(0.5) ? 48_201 : null,
        rating: draw.chance(0.3) ? 'good' : null,
        zendesk_ticket_id: draw.chance(0.4) ? draw.int(1, 500) : null,
        history: [],
      },
    };
  });
  return all.toSorted((a, b) => a.second - b.second || (a.id < b.id ? -1 : 1));
}

/** Without `fields=chats(*)` only ids. https://developer.zendesk.com/api-reference/live-chat/chat-api/incremental_export/ */
export function exportChats(call: Call, all: readonly Chat[], nowMs: number): Answer {
  const start = whole(call.query.get('start_time'), 0);
  if (start > nowMs / 1000 - youngestSeconds)
    return invalid(400, 'InvalidStartTime', 'start_time must be more than five minutes in the past');
  const after = call.query.get('start_id') ?? '';
  const size = Math.min(mostPerPage, whole(call.query.get('limit'), mostPerPage));
  const rest = all.filter(({ second, id }) => second > start || (second === start && id > after));
  const page = rest.slice(0, size);
  const last = page.at(-1);
  const isWhole = call.query.get('fields')?.startsWith('chats(') === true;
  const end = { time: last?.second ?? start, id: last?.id ?? after };
  const next = `start_time=${end.time}&start_id=${encodeURIComponent(end.id)}&limit=${size}`;
  return json(200, {
    chats: page.map(({ id, shown }) => (isWhole ? shown : { id })),
    count: page.length,
    end_time: end.time,
    end_id: end.id,
    next_page: `${call.baseUrl}${call.path}?${next}`,
  });
}
