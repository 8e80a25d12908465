import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FreshStore, freshdeskKey, freshserviceKey } from '../../src/sandbox/freshworks/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { startBaton, type TestBaton } from '../setup/baton.js';

interface Seen {
  readonly subject: string;
  readonly isOpen: boolean;
  readonly comments: readonly string[];
}

const fresh = ({ tickets }: FreshStore): readonly Seen[] =>
  tickets
    .filter(({ tags }) => tags.some((tag) => tag.startsWith('btn-')))
    .map(({ subject, status, notes }) => ({
      subject,
      isOpen: status < 4,
      comments: notes.map(({ body }) => body),
    }));

/** Our tickets at each desk, read out of the sandbox's own store. */
const desks = [
  { type: 'freshservice', key: freshserviceKey, ours: (sandbox: Sandbox) => fresh(sandbox.freshservice) },
  { type: 'freshdesk', key: freshdeskKey, ours: (sandbox: Sandbox) => fresh(sandbox.freshdesk) },
  {
    type: 'salesforce',
    key: null,
    ours: ({ salesforce }: Sandbox): readonly Seen[] =>
      salesforce
        .records('Case')
        .filter((one) => one['Baton_Key__c'] !== null)
        .map((one) => ({
          subject: String(one['Subject']),
          isOpen: one['IsClosed'] === false,
          comments: salesforce
            .records('CaseComment')
            .filter(({ ParentId }) => ParentId === one['Id'])
            .map(({ CommentBody }) => String(CommentBody)),
        })),
  },
] as const;

/** The desk is a line of configuration. */
describe.each(desks)('po_data_pipeline with its tickets at $type', ({ type, key, ours }) => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'real',
      records: 300,
      tenants: ['default'],
      settings: (sandboxUrl) => ({
        BATON_PIPELINES__PO_DATA_PIPELINE__DESK: key === null ? type : 'fresh',
        ...(key === null
          ? {}
          : {
              FRESH_KEY: key,
              BATON_CONNECTIONS__FRESH: JSON.stringify({
                type,
                baseUrl: `${sandboxUrl}/${type}`,
                auth: { apiKey: 'secret://env/FRESH_KEY' },
                requester: 'baton@example.com',
                plan: 'enterprise',
              }),
            }),
      }),
    });
  }, 120_000);
  afterAll(() => baton?.stop());

  it('opens one for each finding, once, and closes with a word what is mended', async () => {
    const first = await baton.run();
    expect(first.state).toBe('succeeded');
    const planted = Object.values(baton.sandbox.truth().discrepant).flat();
    const opened = ours(baton.sandbox);
    expect(planted.length).toBeGreaterThan(3);
    for (const { poNumber } of planted)
      expect(opened.filter(({ subject }) => subject.includes(poNumber)).length, poNumber).toBeGreaterThan(0);
    expect(new Set(opened.map(({ subject }) => subject)).size).toBe(opened.length);
    expect(opened.length).toBe(first.tickets.opened);
    expect(opened.every(({ isOpen }) => isOpen)).toBe(true);
    expect((await baton.run({ fullRefresh: true })).tickets).toEqual({ opened: 0, updated: 0, resolved: 0 });
    expect(ours(baton.sandbox)).toHaveLength(opened.length);

    const [mended] = baton.sandbox.truth().discrepant.header_total_mismatch;
    const answer = await fetch(`${baton.sandbox.url}/_admin/orders/${mended?.id}/mend`, { method: 'POST' });
    expect(answer.ok).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // the vendor's clock has whole seconds
    const run = await baton.run();
    expect(run.tickets.resolved).toBeGreaterThan(0);
    const closed = ours(baton.sandbox).filter(({ isOpen }) => !isOpen);
    expect(closed.length).toBe(run.tickets.resolved);
    for (const { subject, comments } of closed) {
      expect(subject).toContain(mended?.poNumber);
      expect(comments.join()).toContain('found this discrepancy gone');
    }
  }, 90_000);
});
