import { Draw } from '../rng.js';
import { accountId, type SalesforceRecord, salesforceId, times, withChecksum } from './accounts.js';
import { accountCount, streams } from './frame.js';

const caseCount = 240;
const subjects = [
  'Invoice does not match the order',
  'Delivery is late',
  'Wrong quantity',
  'Access to the portal',
];

/** The Id is the nth of its object: cases and comments of ours go on where the seed ends. */
export function caseId(seed: number, index: number): string {
  return salesforceId('500', seed, index);
}

export function caseCommentId(seed: number, index: number): string {
  return salesforceId('00a', seed, index);
}

export function caseNumber(index: number): string {
  return String(1001 + index).padStart(8, '0');
}

function seededCase(seed: number, index: number): SalesforceRecord {
  const draw = new Draw(seed, streams.case, index);
  const stamps = times(draw);
  const isClosed = draw.chance(0.6);
  return {
    Id: caseId(seed, index),
    CaseNumber: caseNumber(index),
    Subject: draw.pick(subjects),
    Description: draw.chance(0.1) ? null : `It is about order ${draw.int(100_001, 100_300)}.`,
    Status: isClosed ? 'Closed' : draw.pick(['New', 'Working', 'Escalated']),
    Priority: draw.pick(['Low', 'Medium', 'High']),
    Origin: draw.pick(['Phone', 'Email', 'Web']),
    Reason: null,
    Type: null,
    AccountId: accountId(seed, draw.int(0, accountCount - 1)),
    ContactId: null,
    ParentId: null,
    OwnerId: withChecksum('005Hs0000000001'),
    IsClosed: isClosed,
    IsEscalated: false,
    Baton_Key__c: null,
    ...stamps,
    ClosedDate: isClosed ? stamps.LastModifiedDate : null,
    IsDeleted: draw.chance(0.03),
  };
}

function seededComment(seed: number, index: number): SalesforceRecord {
  const draw = new Draw(seed, streams.case, index, 1);
  return {
    Id: caseCommentId(seed, index),
    ParentId: caseId(seed, index % caseCount),
    CommentBody: 'Asked the supplier.',
    IsPublished: draw.chance(0.3),
    CreatedById: withChecksum('005Hs0000000001'),
    IsDeleted: false,
    ...times(draw),
  };
}

export function seededCases(seed: number): SalesforceRecord[] {
  return Array.from({ length: caseCount }, (_, index) => seededCase(seed, index));
}

export function seededCaseComments(seed: number): SalesforceRecord[] {
  return Array.from({ length: caseCount / 2 }, (_, index) => seededComment(seed, index));
}
