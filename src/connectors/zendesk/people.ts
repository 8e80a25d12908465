import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';
import { exportStream } from './export.js';

const userColumns = [
  { name: 'user_id', type: 'text' },
  { name: 'name', type: 'text', nullable: true },
  { name: 'email', type: 'text', nullable: true },
  { name: 'role', type: 'text', nullable: true, description: 'end-user, agent, admin' },
  { name: 'organization_id', type: 'text', nullable: true },
  { name: 'external_id', type: 'text', nullable: true },
  { name: 'is_suspended', type: 'boolean', nullable: true },
  { name: 'created_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'is_deleted', type: 'boolean' },
] as const satisfies readonly Column[];

/** Whom Zendesk has deleted stays in the export, as not active. */
function mapUser(record: Buffer): Mapped {
  return mapRecord(record, 'id', (user, reader) => {
    const isActive = reader.optionalBoolean(user, 'active');
    return {
      kind: 'row',
      row: {
        user_id: reader.id(user, 'id'),
        name: reader.optionalText(user, 'name'),
        email: reader.optionalText(user, 'email'),
        role: reader.optionalText(user, 'role'),
        organization_id: reader.optionalId(user, 'organization_id'),
        external_id: reader.optionalId(user, 'external_id'),
        is_suspended: reader.optionalBoolean(user, 'suspended'),
        created_at: reader.instant(user, 'created_at'),
        updated_at: reader.instant(user, 'updated_at'),
        is_deleted: String(isActive === 'false'),
      },
    };
  });
}

export const users = exportStream({
  name: 'users',
  docs: 'https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/#incremental-user-export-cursor-based',
  path: '/api/v2/incremental/users/cursor.json',
  member: 'users',
  style: 'cursor',
  cursorField: 'updated_at',
  columns: userColumns,
  versionColumn: 'updated_at',
  deletedColumn: 'is_deleted',
  map: mapUser,
});

const organizationColumns = [
  { name: 'organization_id', type: 'text' },
  { name: 'name', type: 'text', nullable: true },
  { name: 'external_id', type: 'text', nullable: true },
  { name: 'domain_names', type: 'json', description: 'array of text' },
  { name: 'tags', type: 'json', description: 'array of text' },
  { name: 'created_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'deleted_at', type: 'timestamp', nullable: true },
  { name: 'is_deleted', type: 'boolean' },
] as const satisfies readonly Column[];

function mapOrganization(record: Buffer): Mapped {
  return mapRecord(record, 'id', (organization, reader) => {
    const deletedAt = reader.optionalInstant(organization, 'deleted_at');
    return {
      kind: 'row',
      row: {
        organization_id: reader.id(organization, 'id'),
        name: reader.optionalText(organization, 'name'),
        external_id: reader.optionalId(organization, 'external_id'),
        domain_names: reader.texts(organization, 'domain_names'),
        tags: reader.texts(organization, 'tags'),
        created_at: reader.instant(organization, 'created_at'),
        updated_at: reader.instant(organization, 'updated_at'),
        deleted_at: deletedAt,
        is_deleted: String(deletedAt !== null),
      },
    };
  });
}

export const organizations = exportStream({
  name: 'organizations',
  docs: 'https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/#incremental-organization-export',
  path: '/api/v2/incremental/organizations.json',
  member: 'organizations',
  style: 'time',
  cursorField: 'updated_at',
  columns: organizationColumns,
  versionColumn: 'updated_at',
  deletedColumn: 'is_deleted',
  map: mapOrganization,
});
