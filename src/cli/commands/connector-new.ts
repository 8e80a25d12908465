import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BatonError } from '../../protocol/errors.js';
import type { Handler } from '../context.js';
import { one } from '../render/result.js';

/** Each file of a new connector, and what it is made from. */
const files = {
  'src/connectors/__type__/index.ts': 'index.ts.txt',
  'src/connectors/__type__/items.ts': 'items.ts.txt',
  'src/sandbox/__type__/vendor.ts': 'vendor.ts.txt',
  'test/connectors/__type__.integration.test.ts': 'test.ts.txt',
} as const;

const templates = 'src/cli/scaffold';

/** Where a connector and its sandbox are made known: a text that stands there, and what comes before it. */
const edits: readonly { readonly file: string; readonly before: string; readonly insert: string }[] = [
  {
    file: 'src/connectors/registry.ts',
    before: "import { zendesk } from './zendesk/index.js';",
    insert: "import { __type__ } from './__type__/index.js';\n",
  },
  { file: 'src/connectors/registry.ts', before: '  zendesk,\n};', insert: '  __type__,\n' },
  {
    file: 'src/sandbox/vendors.ts',
    before: "import { createZendesk } from './zendesk/vendor.js';",
    insert: "import { create__Type__ } from './__type__/vendor.js';\n",
  },
  {
    file: 'src/sandbox/vendors.ts',
    before: '    createRates(clock),',
    insert: '    create__Type__(clock),\n',
  },
  { file: 'src/sandbox/wire.ts', before: "  'rates',\n", insert: "  '__type__',\n" },
];

/** A connector with one stream, its sandbox and its test, in the checkout of Baton that the command runs in. */
export const newConnector: Handler = async (cli, [name = ''], options) => {
  const { cwd } = cli.io;
  const type = checkedName(name);
  const system = String(options['system'] ?? capitalised(type));
  if (!existsSync(path.join(cwd, templates)))
    throw usage('There is no checkout of Baton here: a connector is part of it. Run this in its root.');
  if (/['\\\n]/.test(system)) throw usage('--system is a name, without quotes.');
  const fill = (text: string) =>
    text
      .replaceAll('__Type__', capitalised(type))
      .replaceAll('__type__', type)
      .replaceAll('__system__', system);

  // All of it is looked at before anything is written.
  const made = Object.entries(files).map(([file, template]) => ({
    file: fill(file),
    text: fill(readFileSync(path.join(cwd, templates, template), 'utf8')),
  }));
  const taken = made.find(({ file }) => existsSync(path.join(cwd, file)));
  if (taken !== undefined) throw usage(`${taken.file} is there already.`);
  const changed = new Map<string, string>();
  for (const { file, before, insert } of edits) {
    const text = changed.get(file) ?? readFileSync(path.join(cwd, file), 'utf8');
    const at = text.indexOf(before);
    if (at === -1) throw usage(`${file} has no line ${before.trim()} any more: nothing was written.`);
    changed.set(file, text.slice(0, at) + fill(insert) + text.slice(at));
  }

  const written = [...made, ...[...changed].map(([file, text]) => ({ file, text }))];
  for (const { file, text } of written) {
    mkdirSync(path.join(cwd, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(cwd, file), text);
  }
  // Imports in their order, lines in their length.
  const biome = path.join(cwd, 'node_modules/.bin/biome');
  spawnSync(biome, ['check', '--write', ...written.map(({ file }) => file)], { cwd, stdio: 'ignore' });

  const next = [
    `npm run build && npx vitest run --project=integration test/connectors/${type}.integration.test.ts`,
    'npm run docs && npm run check',
    `baton connectors list`,
  ];
  const data = { name: type, system, made: made.map(({ file }) => file), changed: [...changed.keys()], next };
  return {
    result: one(data, (style) =>
      [
        ...data.made.map((file) => `${style.green('+')} ${file}`),
        ...data.changed.map((file) => `${style.yellow('~')} ${file}`),
        '',
        `${system} has a stream of made-up items, and passes. Make the sandbox true to the vendor’s documentation, then`,
        'the connector; each of these says what is missing:',
        ...next.map((line) => `  ${line}`),
        '',
      ].join('\n'),
    ),
  };
};

function checkedName(name: string): string {
  if (/^[a-z][a-z0-9]{1,30}$/.test(name)) return name;
  throw usage(`"${name}" cannot be the type of a connector: small letters and digits, such as servicenow.`);
}

function capitalised(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

function usage(detail: string): BatonError {
  return new BatonError('ERR_USAGE', { detail });
}
