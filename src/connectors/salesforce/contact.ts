import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';

export const contactColumns = [
  { name: 'contact_id', type: 'text', description: 'the 18-character id' },
  { name: 'account_id', type: 'text', nullable: true },
  { name: 'name', type: 'text', nullable: true, description: 'first and last name' },
  { name: 'email', type: 'text', nullable: true },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'is_deleted', type: 'boolean', nullable: true, description: 'in the recycle bin' },
] as const satisfies readonly Column[];

export function contactFields(): readonly string[] {
  return ['Id', 'AccountId', 'FirstName', 'LastName', 'Email', 'SystemModstamp', 'IsDeleted'];
}

export function mapContact(record: Buffer): Mapped {
  return mapRecord(record, 'Id', (contact, reader) => {
    const names = [reader.optionalText(contact, 'FirstName'), reader.optionalText(contact, 'LastName')];
    const name = names.filter((part) => part !== null && part !== '').join(' ');
    return {
      kind: 'row',
      row: {
        contact_id: reader.id(contact, 'Id'),
        account_id: reader.optionalId(contact, 'AccountId'),
        name: name === '' ? null : name,
        email: reader.optionalText(contact, 'Email'),
        updated_at: reader.instant(contact, 'SystemModstamp'),
        is_deleted: reader.optionalBoolean(contact, 'IsDeleted'),
      },
    };
  });
}
