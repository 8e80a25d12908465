import { connectors } from '../../connectors/registry.js';
import { type ConnectorView, connectorView, guaranteeWords } from '../connector-view.js';
import type { Handler } from '../context.js';
import { list } from '../render/result.js';
import type { Style } from '../render/style.js';

/** Every connector of this build: what it can do, how that was verified, what it guarantees, what it needs. */
export const listConnectors: Handler = async () => {
  const items = Object.values(connectors).map(connectorView);
  return {
    result: list<ConnectorView>({
      items,
      empty: 'No connectors.',
      text: (style) => items.map((item) => described(item, style)).join('\n'),
      columns: [
        { title: 'Name', value: ({ name }) => name },
        { title: 'System', value: ({ system }) => system },
        { title: 'Can', value: ({ capabilities }) => capabilities.join(', ') },
        { title: 'Verified against', value: ({ verifiedAgainst }) => verifiedAgainst.join(', ') },
        { title: 'Guarantees', value: guaranteesShown },
        { title: 'Needs', value: ({ needs }) => needs.settings.join(', ') },
      ],
    }),
  };
};

function described(view: ConnectorView, style: Style): string {
  const { name, system, capabilities, streams, verifiedAgainst, needs } = view;
  const facts = [
    ['can', capabilities.join(', ')],
    ['streams', streams.join(', ')],
    ['guarantees', guaranteesShown(view)],
    ['verified', verifiedAgainst.join(', ')],
    ['needs', needs.settings.join(', ')],
    ['may have', needs.optional.join(', ')],
    ['may read', needs.permissions.join(', ')],
  ].filter(([, value]) => value !== '');
  const lines = facts.map(([title = '', value]) => `  ${style.dim(title.padEnd(10))}  ${value}\n`);
  return `${style.bold(name)}  ${system}\n${lines.join('')}`;
}

function guaranteesShown({ guarantees }: ConnectorView): string {
  return Object.entries(guarantees)
    .map(([write, how]) => `${write} ${guaranteeWords(how)}`)
    .join(', ');
}
