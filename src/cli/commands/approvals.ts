import { nearest } from '../../config/closest.js';
import { createFulfilmentStore, type FulfilmentRow } from '../../control/fulfilments.js';
import { fulfilmentStates, type Verdict } from '../../domain/fulfilment.js';
import { BatonError } from '../../protocol/errors.js';
import { fulfilmentWorkflowId } from '../../protocol/names.js';
import { person } from '../ask.js';
import type { Cli, Handler } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge } from '../render/style.js';
import { choice } from './choice.js';
import { temporalLink } from './links.js';

/** Orders that wait for a person; with `--all` or `--state` the others too. */
export const listApprovals: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const named = choice(options, 'state', fulfilmentStates);
  const state = options['all'] === true ? null : (named ?? 'waiting');
  const found = await createFulfilmentStore(await cli.control()).list({ state, limit: limit + 1 });
  const now = new Date();
  return {
    result: list<FulfilmentRow>({
      items: found.slice(0, limit),
      data: dataOf,
      empty: state === 'waiting' ? 'No order waits for a decision.' : 'No such orders.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Order', value: ({ order_id }) => order_id },
        { title: 'Amount', value: ({ amount, currency }) => `${amount} ${currency}` },
        { title: 'State', value: ({ state: stands }) => stands },
        { title: 'Id', value: ({ id }) => id, id: true },
        {
          title: 'Decided',
          value: ({ decision, decided_by }) => (decision === null ? '' : `${decision}, ${decided_by}`),
        },
        {
          title: 'Until',
          value: ({ state: stands, decide_until }) =>
            stands === 'waiting' ? (decide_until?.toISOString() ?? '') : '',
        },
        {
          title: 'Since',
          value: ({ created_at }) => created_at.toISOString(),
          show: ({ created_at }) => formatAge(created_at, now),
        },
      ],
    }),
  };
};

/** One order: how it stands, what was done of it, and what was taken back. */
export const showApproval: Handler = async (cli, [reference = '']) => {
  const row = await known(cli, reference);
  const commands = await createFulfilmentStore(await cli.control()).commands(row);
  const link = temporalLink(await cli.config(), fulfilmentWorkflowId(row.id));
  return {
    result: one({ ...dataOf(row), commands, temporal: link }, (style) =>
      [
        `${style.bold(row.id)}  order ${row.order_id} of ${row.amount} ${row.currency}, ${row.state}`,
        `  ${row.story}`,
        ...(row.decision === null
          ? []
          : [
              `  ${style.dim('decided ')}  ${row.decision} by ${row.decided_by} at ${row.decided_at?.toISOString()}${row.decided_note === null ? '' : `: ${row.decided_note}`}`,
            ]),
        ...commands.map(
          ({ action, connection, state, remoteId, error }) =>
            `  ${style.dim('command ')}  ${action} at ${connection}: ${state}${remoteId === null ? '' : `, ${remoteId}`}${error === null || state === 'confirmed' ? '' : ` (${error})`}`,
        ),
        `  ${style.dim('event   ')}  baton events show ${row.event_id}`,
        `  ${style.dim('Temporal')}  ${link}`,
        '',
      ].join('\n'),
    ),
  };
};

export const approve: Handler = (cli, [reference = ''], options) =>
  decide(cli, reference, 'approve', options['note']);

export const reject: Handler = (cli, [reference = ''], options) =>
  decide(cli, reference, 'reject', options['note']);

async function decide(cli: Cli, reference: string, decision: Verdict, given: unknown) {
  const row = await known(cli, reference);
  if (row.state !== 'waiting')
    throw new BatonError('ERR_APPROVAL_OVER', {
      detail: `${row.id} does not wait for a decision: ${row.story}`,
    });
  const note = typeof given === 'string' && given !== '' ? given.slice(0, 1_000) : null;
  const client = await cli.client();
  const turn = await client.decide(row.id, { decision, by: person(), note });
  return {
    result: one({ id: row.id, decision, state: turn.state, story: turn.story }, () => `${turn.story}\n`),
  };
}

async function known(cli: Cli, reference: string): Promise<FulfilmentRow> {
  const store = createFulfilmentStore(await cli.control());
  const row = await store.find(reference);
  if (row !== null) return row;
  const some = (await store.list({ state: null, limit: 100 })).map(({ id }) => id);
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No order's fulfilment is called "${reference}".${nearest(reference, some, '')}`,
    fix: 'See all: baton approvals list --all',
  });
}

function dataOf(row: FulfilmentRow) {
  const { id, tenant, connection, order_id: order, amount, currency, state, story, decision } = row;
  return {
    id,
    tenant,
    connection,
    order,
    amount,
    currency,
    state,
    story,
    decision,
    decidedBy: row.decided_by,
    note: row.decided_note,
    decideUntil: row.decide_until?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
  };
}
