import type { Column, Mapped } from '../../domain/columns.js';
import { freshworksStream, since, updatedAt } from '../freshworks/stream.js';
import { mapTicket, ticketColumns } from '../freshworks/tickets.js';
import { pageNumberPaginator } from '../paging/counted.js';
import { listsPaginator } from '../paging/lists.js';
import type { Stream } from '../port.js';
import { mapRecord } from '../record.js';

const byNumber = { page: 'page', size: 'per_page' } as const;

/**
 * Freshdesk lists three hundred pages and no more. Pages of half the size are asked for where pages overlap: so many
 * records are surely among them.
 */
const restartAfter = 14_000;

const contactColumns = [
  { name: 'contact_id', type: 'text' },
  { name: 'name', type: 'text', nullable: true },
  { name: 'email', type: 'text', nullable: true },
  { name: 'phone', type: 'text', nullable: true },
  { name: 'company_id', type: 'text', nullable: true },
  { name: 'external_id', type: 'text', nullable: true, description: 'unique_external_id' },
  { name: 'is_active', type: 'boolean', nullable: true },
  { name: 'created_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'is_deleted', type: 'boolean' },
] as const satisfies readonly Column[];

function mapContact(record: Buffer): Mapped {
  return mapRecord(record, 'id', (contact, reader) => ({
    kind: 'row',
    row: {
      contact_id: reader.id(contact, 'id'),
      name: reader.optionalText(contact, 'name'),
      email: reader.optionalText(contact, 'email'),
      phone: reader.optionalText(contact, 'phone'),
      company_id: reader.optionalId(contact, 'company_id'),
      external_id: reader.optionalId(contact, 'unique_external_id'),
      is_active: reader.optionalBoolean(contact, 'active'),
      created_at: reader.instant(contact, 'created_at'),
      updated_at: reader.instant(contact, 'updated_at'),
      is_deleted: reader.optionalBoolean(contact, 'deleted') ?? 'false',
    },
  }));
}

export const freshdeskStreams: Readonly<Record<string, Stream>> = {
  tickets: freshworksStream({
    name: 'tickets',
    docs: 'https://developers.freshdesk.com/api/#list_all_tickets',
    scope: 'view tickets',
    path: '/api/v2/tickets',
    member: null,
    query: { order_by: 'updated_at', order_type: 'asc', include: 'stats' },
    since: since('updated_since'),
    // Deleted ones are in no list but their own.
    paginator: listsPaginator('tickets', pageNumberPaginator('tickets', byNumber), {
      lists: [{}, { filter: 'deleted' }],
      restart: { after: restartAfter, parameter: 'updated_since', timeOf: updatedAt },
    }),
    columns: ticketColumns,
    deletedColumn: 'is_deleted',
    map: mapTicket,
  }),
  contacts: freshworksStream({
    name: 'contacts',
    docs: 'https://developers.freshdesk.com/api/#list_all_contacts',
    scope: 'view contacts',
    path: '/api/v2/contacts',
    member: null,
    query: {},
    since: since('_updated_since'),
    paginator: listsPaginator('contacts', pageNumberPaginator('contacts', byNumber), {
      lists: [{}, { state: 'deleted' }],
    }),
    columns: contactColumns,
    deletedColumn: 'is_deleted',
    map: mapContact,
  }),
};
