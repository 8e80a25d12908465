import { catalogue, type ErrorSpec } from '../../protocol/errors.js';

const areas: readonly (readonly [digit: string, title: string])[] = [
  ['1', 'Configuration and command line'],
  ['2', 'Outside systems'],
  ['3', 'Lake'],
  ['4', 'Warehouse and control database'],
  ['5', 'Runs'],
  ['6', 'Effects and tickets'],
  ['7', 'Local stack'],
  ['8', 'Gateway'],
  ['9', 'Internal'],
];

/** docs/reference/errors.md, from the catalogue. */
export function errorsPage(): string {
  const specs: readonly ErrorSpec[] = Object.values(catalogue);
  return [
    '# Errors',
    '',
    'Generated from the catalogue by `npm run docs`; `baton help <code>` says the same, offline.',
    '',
    ...areas.flatMap(([digit, title]) => [
      `## ${title}`,
      '',
      ...specs.filter(({ code }) => code.startsWith(`BTN-${digit}`)).flatMap(entry),
    ]),
  ].join('\n');
}

function entry({ code, title, why, fix, retryable }: ErrorSpec): readonly string[] {
  return [
    `<a id="${code.toLowerCase()}"></a>`,
    '',
    `### ${code} ${title}`,
    '',
    `- **Why**: ${why}`,
    `- **Fix**: ${fix}`,
    `- **Tried again**: ${retryable ? 'yes, by Baton itself' : 'no; it must be mended first'}`,
    '',
  ];
}
