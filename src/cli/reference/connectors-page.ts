import { formatDuration } from '../../config/duration.js';
import type { AnySchema } from '../../config/schema-path.js';
import type { Connector, Stream } from '../../connectors/port.js';
import { settingPaths } from '../connector-settings.js';
import { guaranteeWords } from '../connector-view.js';

/** docs/reference/connectors.md, from the registry. */
export function connectorsPage(connectors: Readonly<Record<string, Connector>>): string {
  return [
    '# Connectors',
    '',
    'Generated from the registry by `npm run docs`. A connection in baton.yaml names one of these as its `type`; the',
    'settings below are those that it needs beside `type`, `baseUrl` and the optional `tenant` and `limits`. How webhooks',
    'are switched on at each vendor: ../how-to/webhooks.md.',
    '',
    ...Object.values(connectors).flatMap(section),
  ].join('\n');
}

function section(connector: Connector): readonly string[] {
  const streams = Object.values(connector.streams);
  const settings = settingsOf(connector.connection, []);
  return [
    `## ${connector.type}`,
    '',
    `${connector.system}. ${settings.length === 0 ? 'Needs no settings of its own.' : `Settings: ${settings.join(', ')}.`}`,
    '',
    `Verified against: ${connector.verifiedAgainst.join('; ')}.${writesLine(connector)}`,
    '',
    ...webhookLines(connector),
    ...(streams.length === 0
      ? []
      : [
          '| Stream | Reads | Cursor | Reads again | Permission | Documentation |',
          '|---|---|---|---|---|---|',
          ...streams.map(row),
          '',
        ]),
  ];
}

function writesLine({ writes = {} }: Connector): string {
  const each = Object.entries(writes).map(([write, how]) => `\`${write}\` ${guaranteeWords(how)}`);
  return each.length === 0 ? '' : ` Writes: ${each.join(', ')}.`;
}

function webhookLines({ open, mayOnlySend, webhook }: Connector): readonly string[] {
  if (webhook === undefined) return [];
  const settings = settingsOf(webhook.settings, ['webhook']);
  const only = mayOnlySend === true ? 'A connection that only takes its webhooks needs no `baseUrl`. ' : '';
  const address = open === undefined ? 'It needs no `baseUrl`. ' : only;
  return [
    `${address}Its webhooks are taken at \`POST /hooks/<connection>\` (<${webhook.docs}>). Settings: ${settings.join(', ')}.`,
    '',
  ];
}

function row(stream: Stream): string {
  const { name, mode, cursorField, lagMs, scope, docs } = stream;
  const reads = mode === 'incremental' ? 'what changed' : 'everything';
  const cursor = cursorField === null ? '' : `\`${cursorField}\``;
  const lag = lagMs === 0 ? '' : formatDuration(lagMs);
  return `| \`${name}\` | ${reads} | ${cursor} | ${lag} | ${scope === undefined ? '' : `\`${scope}\``} | <${docs}> |`;
}

function settingsOf(schema: AnySchema, path: readonly string[]): readonly string[] {
  return settingPaths(schema, path).map(
    ({ path: setting, isOptional }) => `\`${setting}\`${isOptional ? ' (optional)' : ''}`,
  );
}
