import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';

const suppliers = { path: '/api/suppliers' } as const;
const second = 1_000;

let baton: TestBaton;
beforeAll(async () => {
  baton = await startBaton({ time: 'skipping', records: 60, stagingIdleMs: 50 });
}, 120_000);
afterAll(() => baton?.stop());
afterEach(() => {
  baton.sandbox.faults.clear();
  baton.sandbox.requests.clear();
});

/** Waits of up to five seconds are waited for in place; longer ones become the delay of the next attempt. */
it.each([
  ['seconds', { retryAfter: 90 }, { tries: 2, least: 90 * second, most: 95 * second }],
  [
    'an HTTP date',
    { retryAfter: 'date', seconds: 120 },
    { tries: 2, least: 119 * second, most: 126 * second },
  ],
  ['hours', { retryAfter: 86_400 }, { tries: 2, least: 3_600 * second, most: 3_610 * second }],
  ['centuries', { retryAfter: 'absurd' }, { tries: 2, least: 3_600 * second, most: 3_610 * second }],
  ['zero', { retryAfter: '0' }, { tries: 1, least: 400, most: 5 * second }],
  ['less than nothing', { retryAfter: '-30' }, { tries: 1, least: 400, most: 5 * second }],
  ['garbage', { retryAfter: 'soon, perhaps' }, { tries: 1, least: 400, most: 5 * second }],
  ['no word', { retryAfter: 'missing' }, { tries: 1, least: 400, most: 5 * second }],
])(
  'a vendor that wants to be left alone for %s is, within bounds, and the run goes on',
  async (_, params, wanted) => {
    const { faults, requests } = baton.sandbox;
    const fault = faults.add({ vendor: 'coupa', kind: 'rate_limit', match: suppliers, count: 1, params });
    const id = await baton.start({ tenant: 'asked', fullRefresh: true });
    expect(await baton.result(id)).toMatchObject({ state: 'succeeded' });
    expect(fault.struck).toBe(1);
    const asked = requests.last().filter(({ path }) => path.startsWith(suppliers.path));
    expect(asked[0]?.outcome).toBe('429');
    const waitedMs = Date.parse(asked[1]?.at ?? '') - Date.parse(asked[0]?.at ?? '');
    expect(waitedMs).toBeGreaterThanOrEqual(wanted.least);
    expect(waitedMs).toBeLessThan(wanted.most);
    const story = (await activitiesOf(baton.client, id)).find(
      ({ type, stepId }) => type === 'extractStream' && stepId === 'extract_suppliers',
    );
    expect(story).toMatchObject({ attempts: wanted.tries, outcome: 'completed' });
  },
);

it('a vendor that says zero for ever is not asked without pause', async () => {
  baton.sandbox.faults.add({
    vendor: 'coupa',
    kind: 'rate_limit',
    match: suppliers,
    count: 4,
    params: { retryAfter: '0' },
  });
  expect(await baton.run({ tenant: 'asked', fullRefresh: true })).toMatchObject({ state: 'succeeded' });
  const asked = baton.sandbox.requests.last().filter(({ path }) => path.startsWith(suppliers.path));
  const gaps = asked.slice(1, 5).map(({ at }, index) => Date.parse(at) - Date.parse(asked[index]?.at ?? ''));
  for (const [index, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(450 * 2 ** index);
});
