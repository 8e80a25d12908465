import type { Column, Mapped } from '../../domain/columns.js';
import type { Parameters } from '../port.js';
import { mapRecord } from '../record.js';
import { fieldName } from './stream.js';

/** The custom field that ranks a customer, unless the pipeline binds `priorityField` to another. */
const defaultPriorityField = 'Priority__c';

export const accountColumns = [
  { name: 'account_id', type: 'text', description: 'the 18-character id' },
  { name: 'name', type: 'text', nullable: true },
  { name: 'type', type: 'text', nullable: true },
  { name: 'industry', type: 'text', nullable: true },
  { name: 'priority', type: 'text', nullable: true, description: 'value of the priority field' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'is_deleted', type: 'boolean', nullable: true, description: 'in the recycle bin' },
] as const satisfies readonly Column[];

export function accountFields(parameters: Parameters | undefined): readonly string[] {
  const priority = fieldName(parameters?.['priorityField'] ?? defaultPriorityField);
  return ['Id', 'Name', 'Type', 'Industry', priority, 'SystemModstamp', 'IsDeleted'];
}

export function mapAccount(record: Buffer, parameters?: Parameters): Mapped {
  return mapRecord(record, 'Id', (account, reader) => ({
    kind: 'row',
    row: {
      account_id: reader.id(account, 'Id'),
      name: reader.optionalText(account, 'Name'),
      type: reader.optionalText(account, 'Type'),
      industry: reader.optionalText(account, 'Industry'),
      priority: reader.optionalText(account, parameters?.['priorityField'] ?? defaultPriorityField),
      updated_at: reader.instant(account, 'SystemModstamp'),
      is_deleted: reader.optionalBoolean(account, 'IsDeleted'),
    },
  }));
}
