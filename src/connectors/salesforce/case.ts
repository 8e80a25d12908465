import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';

export const caseColumns = [
  { name: 'case_id', type: 'text', description: 'the 18-character id' },
  { name: 'case_number', type: 'text', nullable: true },
  { name: 'subject', type: 'text', nullable: true },
  { name: 'status', type: 'text', nullable: true, description: 'in the organisation’s own words' },
  { name: 'priority', type: 'text', nullable: true },
  { name: 'origin', type: 'text', nullable: true },
  { name: 'reason', type: 'text', nullable: true },
  { name: 'type', type: 'text', nullable: true },
  { name: 'account_id', type: 'text', nullable: true },
  { name: 'contact_id', type: 'text', nullable: true },
  { name: 'parent_id', type: 'text', nullable: true },
  { name: 'owner_id', type: 'text', nullable: true },
  { name: 'is_closed', type: 'boolean', nullable: true },
  { name: 'is_escalated', type: 'boolean', nullable: true },
  { name: 'created_at', type: 'timestamp' },
  { name: 'closed_at', type: 'timestamp', nullable: true, description: 'null = not yet' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'is_deleted', type: 'boolean', nullable: true, description: 'in the recycle bin' },
] as const satisfies readonly Column[];

export function caseFields(): readonly string[] {
  return [
    ...['Id', 'CaseNumber', 'Subject', 'Description', 'Status', 'Priority', 'Origin', 'Reason', 'Type'],
    ...['AccountId', 'ContactId', 'ParentId', 'OwnerId', 'IsClosed', 'IsEscalated'],
    ...['CreatedDate', 'ClosedDate', 'SystemModstamp', 'IsDeleted'],
  ];
}

/** https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_case.htm */
export function mapCase(record: Buffer): Mapped {
  return mapRecord(record, 'Id', (found, reader) => ({
    kind: 'row',
    row: {
      case_id: reader.id(found, 'Id'),
      case_number: reader.optionalText(found, 'CaseNumber'),
      subject: reader.optionalText(found, 'Subject'),
      status: reader.optionalText(found, 'Status'),
      priority: reader.optionalText(found, 'Priority'),
      origin: reader.optionalText(found, 'Origin'),
      reason: reader.optionalText(found, 'Reason'),
      type: reader.optionalText(found, 'Type'),
      account_id: reader.optionalId(found, 'AccountId'),
      contact_id: reader.optionalId(found, 'ContactId'),
      parent_id: reader.optionalId(found, 'ParentId'),
      owner_id: reader.optionalId(found, 'OwnerId'),
      is_closed: reader.optionalBoolean(found, 'IsClosed'),
      is_escalated: reader.optionalBoolean(found, 'IsEscalated'),
      created_at: reader.instant(found, 'CreatedDate'),
      closed_at: reader.optionalInstant(found, 'ClosedDate'),
      updated_at: reader.instant(found, 'SystemModstamp'),
      is_deleted: reader.optionalBoolean(found, 'IsDeleted'),
    },
  }));
}

export const caseCommentColumns = [
  { name: 'comment_id', type: 'text', description: 'the 18-character id' },
  { name: 'case_id', type: 'text' },
  { name: 'body', type: 'text', nullable: true },
  { name: 'is_published', type: 'boolean', nullable: true, description: 'shown to the customer' },
  { name: 'author_id', type: 'text', nullable: true },
  { name: 'created_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'is_deleted', type: 'boolean', nullable: true, description: 'in the recycle bin' },
] as const satisfies readonly Column[];

export function caseCommentFields(): readonly string[] {
  return [
    ...['Id', 'ParentId', 'CommentBody', 'IsPublished', 'CreatedById'],
    ...['CreatedDate', 'SystemModstamp', 'IsDeleted'],
  ];
}

/** https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_casecomment.htm */
export function mapCaseComment(record: Buffer): Mapped {
  return mapRecord(record, 'Id', (comment, reader) => ({
    kind: 'row',
    row: {
      comment_id: reader.id(comment, 'Id'),
      case_id: reader.id(comment, 'ParentId'),
      body: reader.optionalText(comment, 'CommentBody'),
      is_published: reader.optionalBoolean(comment, 'IsPublished'),
      author_id: reader.optionalId(comment, 'CreatedById'),
      created_at: reader.instant(comment, 'CreatedDate'),
      updated_at: reader.instant(comment, 'SystemModstamp'),
      is_deleted: reader.optionalBoolean(comment, 'IsDeleted'),
    },
  }));
}
