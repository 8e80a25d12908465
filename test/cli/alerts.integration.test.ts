import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pagerdutyKey } from '../../src/sandbox/pagerduty/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { project } from '../config/project.js';
import { type MailServerForTests, startMailServer } from '../connectors/mail-server.js';
import { canary, sandboxForTests } from '../connectors/support.js';
import { baton } from './captured.js';

let sandbox: Sandbox;
let mail: MailServerForTests;
beforeAll(async () => {
  sandbox = await sandboxForTests(20);
  mail = await startMailServer({ hideSTARTTLS: true });
});
afterAll(async () => {
  await sandbox?.close();
  await mail?.close();
});

const env = { SLACK: canary.slackBotToken, PAGERDUTY: pagerdutyKey };
const yaml = () => `version: 1
connections:
  slack: {type: slack, baseUrl: "${sandbox.url}/slack", auth: {botToken: secret://env/SLACK}}
  pagerduty: {type: pagerduty, baseUrl: "${sandbox.url}/pagerduty", auth: {routingKey: secret://env/PAGERDUTY}}
  mail: {type: email, baseUrl: "smtp://127.0.0.1:${mail.port}", tls: none, from: a@example.com, to: [b@example.com]}
  rates: {type: frankfurter, baseUrl: "${sandbox.url}/rates"}
alerts:
  on_failure: [{connection: slack, channel: "#data-alerts"}, {connection: pagerduty, channel: orders}, {connection: mail, channel: team}]
  on_success: [{connection: mail, channel: team}]
`;
const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await baton(['alerts', 'send', ...args, '--json'], {
    cwd: project(yaml()),
    env,
  });
  for (const secret of Object.values(env)) expect(stdout + stderr).not.toContain(secret);
  return { code, ...JSON.parse(stdout) };
};

describe('baton alerts send', () => {
  it('prints with --dry-run what each place would get, escaped for it, and sends nothing', async () => {
    const before = sandbox.requests.last().length;
    const { code, data } = await run('--dry-run');
    expect(code).toBe(0);
    expect(data).toMatchObject([
      { connection: 'slack', channel: '#data-alerts', outcome: null, error: null },
      { connection: 'pagerduty', message: { routing_key: '[secret]', event_action: 'trigger' } },
      {
        connection: 'mail',
        message: { html: expect.stringContaining('&lt;b&gt;Marks&lt;/b&gt; &amp; *signs*') },
      },
    ]);
    expect(JSON.stringify(data[0].message.blocks)).toContain('&lt;b&gt;Marks&lt;/b&gt; &amp; *signs*');
    expect(sandbox.requests.last()).toHaveLength(before);
    expect(mail.taken).toHaveLength(0);
  });

  it('sends without it what it prints, once to each place', async () => {
    const { code, data } = await run();
    expect(code).toBe(0);
    expect(data.map(({ outcome }: { outcome: { kind: string } }) => outcome.kind)).toEqual(
      Array(3).fill('confirmed'),
    );
    expect(sandbox.pagerduty.alerts).toMatchObject([
      { dedupKey: data[1].message.dedup_key, summary: data[1].message.payload.summary },
    ]);
    expect(mail.taken).toHaveLength(1);
    expect(mail.taken[0]?.mail).toMatchObject({
      messageId: data[2].message.messageId,
      subject: data[2].message.subject,
      html: expect.stringContaining(data[2].message.html),
    });
  });

  it('goes by one connection to another channel, and says what was refused', async () => {
    mail.faults.message = 554;
    const { code, error } = await run('mail', '--channel', 'c@example.org');
    expect(code).toBe(4);
    expect(error.detail).toMatch(/"mail" did not take the message: .*554/);
    expect(mail.taken.at(-1)?.to).toEqual(['c@example.org']);
    expect((await run('rates')).error.detail).toMatch(/frankfurter takes no messages/);
    expect((await run('male')).error.detail).toMatch(/No connection "male"/);
  });
});
