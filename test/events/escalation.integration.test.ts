import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pagerdutyKey } from '../../src/sandbox/pagerduty/vendor.js';
import { baton as run } from '../cli/captured.js';
import { canaries } from '../setup/baton.js';
import { record } from '../setup/record.js';
import { projectRoot } from '../setup/shared.js';
import { type Installation, startInstallation } from './installation.js';

const hour = (shift: number) => `${String((new Date().getUTCHours() + shift + 24) % 24).padStart(2, '0')}:00`;

let baton: Installation;
beforeAll(async () => {
  baton = await startInstallation((sandboxUrl) => ({
    PAGERDUTY_KEY: pagerdutyKey,
    BATON_CONNECTIONS__PAGERDUTY: JSON.stringify({
      type: 'pagerduty',
      baseUrl: `${sandboxUrl}/pagerduty`,
      auth: { routingKey: 'secret://env/PAGERDUTY_KEY' },
    }),
    BATON_TRIAGE__ESCALATE: JSON.stringify([{ after: '3s', connection: 'pagerduty', channel: 'on-call' }]),
    // From an hour ago to two hours ahead, whatever the time is.
    BATON_TRIAGE__QUIET_HOURS: JSON.stringify({ from: hour(-1), to: hour(2), below: 'normal' }),
  }));
}, 60_000);
afterAll(() => baton?.stop());

async function alert(name: string, severity: string, endedAt?: string): Promise<void> {
  const body = JSON.stringify({
    version: '4',
    status: 'firing',
    receiver: 'baton',
    alerts: [
      {
        status: endedAt === undefined ? 'firing' : 'resolved',
        labels: { alertname: name, severity },
        annotations: { summary: name },
        startsAt: '2026-11-20T10:00:00.000Z',
        endsAt: endedAt ?? '0001-01-01T00:00:00Z',
        generatorURL: '',
        fingerprint: `${name}-${severity}`,
      },
    ],
  });
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${canaries.ALERTMANAGER_SECRET}`,
  };
  expect((await baton.post('alertmanager', body, headers)).status).toBe(202);
}

async function cli<T>(
  ...args: readonly string[]
): Promise<{ code: number; data: T; error?: { code: string } }> {
  const { code, stdout } = await run([...args, '--json'], { cwd: projectRoot, env: { ...baton.env } });
  return { code, ...(JSON.parse(stdout) as { data: T; error?: { code: string } }) };
}
interface Shown {
  readonly id: string;
  readonly title: string;
  readonly state: string;
  readonly acknowledged: { readonly by: string; readonly note: string | null } | null;
}
const incident = async (name: string) =>
  (await cli<Shown[]>('incidents', 'list')).data.find(({ title }) => title === name);
const paged = (name: string) => baton.sandbox.pagerduty.alerts.filter(({ summary }) => summary === name);
const slackTexts = async (name: string) =>
  ((await baton.messages()) as { text: string; thread_ts: string | null }[]).filter(({ text }) =>
    text.includes(name),
  );
const ticket = async (name: string) => (await baton.tickets()).find(({ subject }) => subject.endsWith(name));
const within = { timeout: 20_000, interval: 200 };

describe('an incident that nobody takes up', () => {
  it('is told to the next one, once; from when somebody has, all hear of it, and of its end', async () => {
    await alert('DiskFull', 'critical');
    await vi.waitFor(
      () => expect(paged('DiskFull')).toMatchObject([{ status: 'triggered', triggers: 1 }]),
      within,
    );
    expect(await slackTexts('DiskFull')).toHaveLength(1);
    expect(JSON.stringify(paged('DiskFull')[0]?.details)).toContain('Nobody has taken it up.');

    const id = (await incident('DiskFull'))?.id ?? '';
    const taken = await cli<Shown>('incidents', 'ack', id, '--note', 'It is being cleaned.');
    expect(taken).toMatchObject({ code: 0, data: { id, acknowledged: { note: 'It is being cleaned.' } } });
    await vi.waitFor(async () => {
      expect(paged('DiskFull')).toMatchObject([{ status: 'acknowledged' }]);
      expect(await slackTexts('DiskFull')).toHaveLength(2);
      const comments = (await ticket('DiskFull'))?.comments.map(({ body }) => body) ?? [];
      expect(comments.filter((body) => body.includes('It is being cleaned.'))).toHaveLength(1);
    }, within);
    // Whoever was first stays.
    const again = await cli<Shown>('incidents', 'ack', id, '--note', 'Me too.');
    expect(again.data.acknowledged?.note).toBe('It is being cleaned.');

    await alert('DiskFull', 'critical', '2026-11-20T11:00:00.000Z');
    await vi.waitFor(async () => {
      expect(paged('DiskFull')).toMatchObject([{ status: 'resolved', triggers: 1 }]);
      expect(await slackTexts('DiskFull')).toHaveLength(3);
      expect((await ticket('DiskFull'))?.status).toBe('solved');
    }, within);
    expect(await cli('incidents', 'ack', id)).toMatchObject({ error: { code: 'BTN-6031' } });
    await record('incident-escalated', baton.client, `incident/${id}`);
  }, 60_000);

  it('is told to nobody else where somebody was in time', async () => {
    await alert('CpuHot', 'critical');
    await vi.waitFor(async () => expect(await slackTexts('CpuHot')).toHaveLength(1), within);
    expect((await cli('incidents', 'ack', (await incident('CpuHot'))?.id ?? '')).code).toBe(0);
    await vi.waitFor(async () => expect(await slackTexts('CpuHot')).toHaveLength(2), within);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(paged('CpuHot')).toEqual([]);
  }, 60_000);

  it('has its ticket and wakes nobody in quiet hours, until something worse raises it', async () => {
    await alert('CacheCold', 'warning');
    await vi.waitFor(async () => expect(await ticket('CacheCold')).toBeDefined(), within);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(await slackTexts('CacheCold')).toEqual([]);
    expect(paged('CacheCold')).toEqual([]);
    await alert('CacheCold', 'critical');
    await vi.waitFor(() => expect(paged('CacheCold')).toHaveLength(1), within);
    expect(await slackTexts('CacheCold')).toHaveLength(1);
  }, 60_000);
});
