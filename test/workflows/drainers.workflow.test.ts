import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startGuard } from '../../src/cli/stack/guard.js';
import type { Intent } from '../../src/control/intents.js';
import { drainId } from '../../src/protocol/names.js';
import { createProgram } from '../chaos/program.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { projectRoot } from '../setup/shared.js';

const minute = 60_000;

function opening(tenant: string, cause: string): Intent {
  return {
    tenant,
    cause,
    action: 'open',
    ordinal: '1',
    episode: 1,
    connection: 'zendesk',
    kind: 'ticket.open',
    guarantee: 'exact',
    body: { kind: 'ticket', subject: cause, description: 'Why.', priority: 'normal', tags: [] },
    runId: 'run/before',
    ticket: { rule: 'rule', subject: cause },
  };
}

function message(tenant: string): Intent {
  const { ticket: _, ...rest } = opening(tenant, 'note');
  const body = {
    kind: 'message',
    channel: '#general',
    title: `A note for ${tenant}`,
    text: 'Text.',
    severity: 'info',
    fields: [],
    links: [],
  };
  return { ...rest, action: 'note', connection: 'slack', kind: 'message.send', body };
}

describe('drainers and alerts where a connection cannot be used', () => {
  let baton: TestBaton;
  const folder = mkdtempSync(path.join(tmpdir(), 'baton-secrets-'));
  const secretFile = path.join(folder, 'slack');
  beforeAll(async () => {
    const targets = '[{connection: zendesk, channel: "#none"}, {connection: slack, channel: "#general"}]';
    baton = await startBaton({
      time: 'skipping',
      records: 20,
      stagingIdleMs: 50,
      settings: {
        BATON_TENANTS: '[alerts, left, mended]',
        BATON_CONNECTIONS__SLACK__AUTH__BOT_TOKEN: `secret://file/${secretFile}`,
        BATON_ALERTS__ON_FAILURE: targets,
        BATON_ALERTS__ON_SUCCESS: targets,
        BATON_ALERTS__ON_RETRY: targets,
      },
    });
  });
  afterAll(async () => {
    await baton?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const drainer = (connection: string, tenant: string) =>
    baton.client.workflow.getHandle(drainId(connection, tenant));
  const notesOf = async (what: string) =>
    (await baton.messages()).filter((note) => JSON.stringify(note).includes(what)).length;

  it('an alert that cannot be sent fails neither the retry nor the run that it reports on', async () => {
    const suppliers = { path: '/api/suppliers' };
    baton.sandbox.faults.add({ vendor: 'coupa', kind: 'status', match: suppliers, params: { status: 503 } });
    const id = await baton.start({ tenant: 'alerts' });
    expect(await baton.result(id)).toMatchObject({ state: 'succeeded', error: null });
    const activities = await activitiesOf(baton.client, id);
    const retried = activities.find(({ stepId }) => stepId === 'extract_suppliers');
    expect(retried).toMatchObject({ attempts: 2, outcome: 'completed' });
    expect(activities.at(-1)).toMatchObject({ type: 'finishRun', attempts: 1, outcome: 'completed' });
  });

  it('a run that failed leaves all that was not sent to the drainers, and rings them', async () => {
    await baton.deps.effects.intend([opening('left', 'a'), opening('left', 'b')]);
    baton.sandbox.faults.add({ vendor: 'coupa', kind: 'auth_dead' });
    const id = await baton.start({ tenant: 'left' });
    await expect(baton.result(id)).rejects.toMatchObject({ error: 'ERR_RUN_FAILED' });
    baton.sandbox.faults.clear();
    expect(await baton.row(id)).toMatchObject({ state: 'failed', error: { code: 'BTN-2005' } });
    await drainer('zendesk', 'left').result();
    expect(await baton.effects('left', 'ticket.open')).toMatchObject([
      { state: 'confirmed', parked: true },
      { state: 'confirmed', parked: true },
    ]);
  });

  it('a drainer outlives what it cannot mend, and sends when somebody has', async () => {
    await baton.deps.effects.intend([message('mended')]);
    await baton.deps.orchestrator.wakeDrain('slack', 'mended');
    await baton.server.env?.sleep(11 * minute);
    const rounds = await activitiesOf(baton.client, drainId('slack', 'mended'));
    expect(rounds.length).toBeGreaterThanOrEqual(3);
    expect(rounds.every((round) => round.outcome === 'failed' && round.nonRetryable)).toBe(true);
    expect((await drainer('slack', 'mended').describe()).status.name).toBe('RUNNING');
    expect(await baton.effects('mended', 'message.send')).toMatchObject([{ state: 'intended' }]);

    writeFileSync(secretFile, baton.env['SLACK_BOT_TOKEN'] ?? '');
    await drainer('slack', 'mended').result(); // nobody rings: it looks by itself
    expect(await baton.effects('mended', 'message.send')).toMatchObject([{ state: 'confirmed' }]);
    expect(await notesOf('A note for mended')).toBe(1);
  });

  it('an alert goes to the targets that can be used when another one cannot', async () => {
    const result = await baton.run({ tenant: 'alerts' });
    expect(result.state).toBe('succeeded');
    await drainer('slack', 'alerts').result();
    expect(await notesOf(result.id)).toBe(1);
  });
});

describe('a drainer that a person terminated', () => {
  let baton: TestBaton;
  const folder = mkdtempSync(path.join(tmpdir(), 'baton-worker-'));
  const guard = startGuard();
  const worker = () =>
    createProgram(
      {
        name: 'worker',
        title: 'worker',
        program: process.execPath,
        args: [path.join(inject('distPath'), 'workers', 'main.js'), '--role', 'control'],
        cwd: projectRoot,
        env: { PATH: process.env['PATH'] ?? '', ...baton.env },
        ready: 'announced',
        stopSignal: 'SIGKILL',
        graceMs: 1_000,
        error: 'ERR_STACK_PART_FAILED',
      },
      guard,
      folder,
    );
  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records: 20 });
  });
  afterAll(async () => {
    await baton?.stop();
    guard.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is back when a worker has started, and what waited is sent', async () => {
    const { effects, orchestrator } = baton.deps;
    const state = async () => (await baton.effects('default', 'ticket.open'))[0]?.state;
    baton.sandbox.faults.add({
      vendor: 'zendesk',
      kind: 'status',
      count: null,
      params: { status: 503, retryAfter: 2 },
    });
    await effects.intend([opening('default', 'a')]);
    await effects.park('zendesk', 'default');
    await orchestrator.wakeDrain('zendesk', 'default');
    await expect.poll(state, { timeout: 10_000 }).toBe('refused');
    await baton.client.workflow.getHandle(drainId('zendesk', 'default')).terminate('by hand');
    baton.sandbox.faults.clear();
    await baton.database.knex('control.effects').update({ due_at: new Date(0) });

    const program = worker();
    await program.start();
    await expect.poll(state, { timeout: 10_000 }).toBe('confirmed');
    expect(await baton.tickets()).toHaveLength(1);
    await program.end('SIGTERM', 5_000);
  });
});
