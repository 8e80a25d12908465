import { expect } from 'vitest';
import { service } from '../../src/connectors/service/index.js';
import { describeAction } from './effect-contract.js';
import { requestOf } from './requests.js';

describeAction(service, {
  name: 'a command',
  vendor: 'services',
  settings: {
    commands: { allocate: { path: '/inventory/allocations', method: 'POST' } },
    id: 'id',
    keysKeptMs: 60_000,
  },
  authIsRetryable: true,
  cannotLook: true,
  match: { method: 'POST', path: '/inventory/allocations' },
  action: (connection) => connection.commands?.send ?? expect.unreachable(),
  request: async (_sandbox, ordinal) =>
    requestOf(ordinal, {
      kind: 'command',
      command: 'allocate',
      remoteId: null,
      payload: { order_id: String(ordinal) },
    }),
  async visible(sandbox, { marker }) {
    const answer = await fetch(`${sandbox.url}/services/inventory/allocations`);
    const found = (await answer.json()) as { key: string }[];
    return found.filter(({ key }) => key === marker).length;
  },
});
