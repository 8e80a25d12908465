import type { FilesSettings } from '../connectors/files/settings.js';
import type { TicketBody } from '../connectors/port.js';
import type { FileRow } from '../control/files.js';
import { effectKey, type Intent, referenceWord } from '../control/intents.js';
import type { Row } from '../domain/columns.js';
import { fileStep, filesStream } from '../domain/file-step.js';
import { rawTable } from '../pipelines/resilient-elt-pipeline.js';
import type { FinishFileResult, ProcessFileInput } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { fileWorkflowId } from '../protocol/names.js';
import { batchLabel, tableOf } from '../warehouse/staged.js';
import type { ActivityDeps } from './ports.js';

/**
 * What follows when a file is loaded: an intent of a ticket for each order that is HIGH, or of one for all of them when
 * they are many. Repeating it adds nothing: a cause has one ticket, whichever file it is in.
 */
export async function finishFile(
  deps: ActivityDeps,
  { id, connection }: ProcessFileInput,
): Promise<FinishFileResult> {
  const file = await deps.files.find(id);
  if (file === null) return { isOver: true, story: 'There is no such file any more.' };
  if (file.state !== 'loaded')
    return {
      isOver: file.state !== 'landed' && file.state !== 'waiting',
      story: `${file.key} is ${file.state}.`,
    };
  const { settings } = await deps.filePlaces(connection);
  const high = await highOrders(deps, file, settings);
  if (settings.tickets !== undefined && high.total > 0) {
    await deps.effects.intend(intentsFor(deps, file, settings, settings.tickets, high));
    await deps.orchestrator.wakeDrain(settings.tickets, file.tenant);
  }
  await deps.files.done(id, high.total);
  return {
    isOver: true,
    story: `${file.key}: ${file.counts?.loaded ?? 0} orders loaded, ${file.counts?.quarantined ?? 0} quarantined, ${high.total} HIGH.`,
  };
}

interface High {
  readonly total: number;
  readonly rows: readonly Row[];
}

/** How many there are, and as many of them as get a ticket each. */
async function highOrders(deps: ActivityDeps, file: FileRow, { summaryAfter }: Limit): Promise<High> {
  const step = fileStep(file.connection, rawTable(file.connection, filesStream));
  const table = tableOf(deps.connections.stream(file.connection, filesStream), step);
  const batch = batchLabel({ batchId: file.batch_id ?? '', generation: file.generation ?? 0 });
  return deps.warehouse.rowsOfBatch(table, {
    batch,
    column: 'priority_flag',
    value: 'HIGH',
    limit: summaryAfter,
  });
}

type Limit = Pick<FilesSettings, 'summaryAfter'>;

function intentsFor(
  deps: ActivityDeps,
  file: FileRow,
  { summaryAfter }: Limit,
  desk: string,
  { total, rows }: High,
): Intent[] {
  const open = deps.connections.open(desk).ticketDesk?.open;
  if (open === undefined)
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: `tickets of the connection ${file.connection} is ${desk}: it must name a connection that has a ticket desk.`,
      where: `connections.${file.connection}.tickets`,
      retryable: true,
    });
  const intent = (cause: string, body: (reference: string) => TicketBody): Intent => {
    const key = { tenant: file.tenant, cause, action: 'open', ordinal: '1' };
    const ticket = body(`${referenceWord}${effectKey(key)}`);
    return {
      ...key,
      episode: 1,
      connection: desk,
      kind: 'ticket.open',
      guarantee: open.guarantee,
      body: ticket,
      runId: fileWorkflowId(file.connection, file.id),
      parked: true,
      ticket: { rule: 'high_order', subject: ticket.subject },
    };
  };
  if (total > summaryAfter)
    return [intent(`high-orders:${file.id}`, (reference) => summaryTicket(file, { total, rows }, reference))];
  return rows.map((order) =>
    intent(`order:${file.connection}:${encodeURIComponent(order['order_id'] ?? '')}`, (reference) =>
      orderTicket(file, order, reference),
    ),
  );
}

function orderTicket(file: FileRow, order: Row, reference: string): TicketBody {
  return {
    kind: 'ticket',
    subject: `Order ${order['order_id']} is worth ${order['order_value_usd']} USD`.slice(0, 150),
    description: [
      `${order['subtotal']} ${order['currency']} with a tax of ${order['tax']}: ${order['order_value_usd']} USD.`,
      '',
      `File: ${file.key} (${file.connection})`,
      `What became of it: baton files show ${file.id}`,
      reference,
    ].join('\n'),
    priority: 'high',
    tags: ['baton', 'high-order'],
  };
}

function summaryTicket(file: FileRow, { total, rows }: High, reference: string): TicketBody {
  return {
    kind: 'ticket',
    subject: `${total} orders of high value in ${file.key}`.slice(0, 150),
    description: [
      `${total} orders of the file are HIGH, too many for a ticket each. The first of them:`,
      '',
      ...rows.slice(0, 20).map((order) => `${order['order_id']}: ${order['order_value_usd']} USD`),
      '',
      `File: ${file.key} (${file.connection})`,
      `All of them: SELECT * FROM ${rawTable(file.connection, filesStream)} WHERE priority_flag = 'HIGH' AND _batch_id = '${file.batch_id}.${file.generation}'`,
      reference,
    ].join('\n'),
    priority: 'high',
    tags: ['baton', 'high-order'],
  };
}
