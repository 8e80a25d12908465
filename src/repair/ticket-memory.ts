import type { EffectStore, TicketRow } from '../control/effects.js';
import type { SummaryMemory, TicketMemory } from '../warehouse/postgres/rebuild.js';

const page = 1_000;

/** What discrepancies must know of the ledger's tickets, page by page: those of single orders, and open summaries. */
export async function* memoriesOf(
  effects: Pick<EffectStore, 'latestTickets'>,
): AsyncGenerator<{ readonly tickets: readonly TicketMemory[]; readonly open: readonly SummaryMemory[] }> {
  let after = { tenant: '', cause: '' };
  for (;;) {
    const rows = await effects.latestTickets(after, page);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = { tenant: last.tenant, cause: last.cause };
    yield {
      tickets: rows.map(memoryOf).filter((memory) => memory !== null),
      open: rows.map(summaryOf).filter((memory) => memory !== null),
    };
  }
}

/** `po:<source>:<id>:<rule>`; only the id may hold a colon. */
const singlePattern = /^po:([^:]+):(.+):([^:]+)$/;
/** `summary:<source>:<rule>:<tag>`. */
const summaryPattern = /^summary:([^:]+):([^:]+):[^:]+$/;

/** Null for a summary. A ticket that the desk refused for good is not tried again: it stays as if it were open. */
function memoryOf(row: TicketRow): TicketMemory | null {
  const [, source, po_id, rule] = singlePattern.exec(row.cause) ?? [];
  if (source === undefined || po_id === undefined || rule === undefined) return null;
  const { tenant, episode, cause, opened_by, resolved_by, created_at, updated_at } = row;
  const state = row.state === 'resolved' ? ('resolved' as const) : ('open' as const);
  return {
    tenant,
    source,
    po_id,
    rule,
    episode,
    state,
    cause,
    opened_by,
    resolved_by,
    created_at,
    updated_at,
  };
}

function summaryOf(row: TicketRow): SummaryMemory | null {
  const [, source, rule] = summaryPattern.exec(row.cause) ?? [];
  if (source === undefined || rule === undefined || row.state === 'resolved') return null;
  return { tenant: row.tenant, source, rule, cause: row.cause };
}
