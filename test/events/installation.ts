import { createHmac, randomUUID } from 'node:crypto';
import { createAccess } from '../../src/gateway/access.js';
import { openParts } from '../../src/gateway/parts.js';
import { createServer } from '../../src/gateway/server.js';
import { createLogger } from '../../src/observability/logger.js';
import { dispatchEvents } from '../../src/workers/dispatch-events.js';
import { findFiles } from '../../src/workers/find-files.js';
import { canaries, startBaton, type TestBatonOptions } from '../setup/baton.js';

export type Installation = Awaited<ReturnType<typeof startInstallation>>;

/** All of Baton with its gateway and its dispatcher, each over real HTTP and databases. */
export async function startInstallation(settings: TestBatonOptions['settings'] = {}) {
  const baton = await startBaton({ time: 'real', records: 20, tenants: ['default'], settings });
  const parts = openParts(baton.config, createLogger('gateway', 'silent'));
  const server = createServer(parts, createAccess(baton.config));
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const files = await findFiles(baton.config, {
    ...baton.deps,
    ring: baton.events.ring,
    onFiles: baton.onFiles,
  });
  let dispatching: ReturnType<typeof dispatchEvents> | null = dispatchEvents(baton);
  return {
    ...baton,
    url,
    parts,
    async stopDispatcher(): Promise<void> {
      await dispatching?.stop();
      dispatching = null;
    },
    startDispatcher(): void {
      dispatching ??= dispatchEvents(baton);
    },
    post: (connection: string, body: string | Buffer, headers: Record<string, string>) =>
      fetch(`${url}/hooks/${connection}`, { method: 'POST', body, headers }),
    async stop(): Promise<void> {
      await server.close();
      await parts.close();
      await dispatching?.stop();
      await files.stop();
      await baton.stop();
    },
  };
}

/** A ticket event as Zendesk sends it. https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/ */
export function ticketEvent(ticket: string, more: { id?: string; type?: string; subject?: string } = {}) {
  return JSON.stringify({
    type: `zen:event-type:ticket.${more.type ?? 'created'}`,
    account_id: 22129848,
    id: more.id ?? randomUUID(),
    time: '2026-11-20T10:15:30.123Z',
    zendesk_event_version: '2022-06-20',
    subject: `zen:ticket:${ticket}`,
    detail: { id: ticket, subject: more.subject ?? 'Where is my order?', status: 'NEW', priority: 'HIGH' },
    event: {},
  });
}

/** Signed by hand, as Zendesk's documentation has it. */
export function zendeskHeaders(body: string | Buffer, secret: string = canaries.ZENDESK_WEBHOOK_SECRET) {
  const time = new Date().toISOString();
  return {
    'content-type': 'application/json',
    'x-zendesk-webhook-signature-timestamp': time,
    'x-zendesk-webhook-signature': createHmac('sha256', secret).update(time).update(body).digest('base64'),
    'x-zendesk-webhook-invocation-id': randomUUID(),
  };
}
