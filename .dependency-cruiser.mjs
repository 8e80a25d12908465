/** Import directions, as CONTRIBUTING.md draws them. Arrows point inward; a check is an error or it is off. */

const sources = '^src/';

/** `from` may import, inside src, only the folders in `allowed` (and itself). */
function only(name, from, allowed, comment) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: `${sources}${from}/` },
    to: { path: sources, pathNot: `${sources}(${[from, ...allowed].join('|')})/` },
  };
}

function never(name, comment, from, to) {
  return { name, comment, severity: 'error', from, to };
}

const databases = 'node_modules/(knex|pg|pg-copy-streams)/';
const temporal = 'node_modules/@temporalio/';

export default {
  forbidden: [
    never(
      'no-cycles',
      'Modules that need each other cannot be understood apart; types and lazy imports do no harm.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only', 'dynamic-import'] } },
    ),
    only('protocol-is-inner', 'protocol', ['domain'], 'Names and errors are known to all and know nobody.'),
    only('domain-is-pure', 'domain', ['protocol'], 'Logic without input, output, clock or chance.'),
    only('workflows-are-deterministic', 'workflows', ['protocol', 'domain'], 'They run in the sandbox.'),
    never(
      'sandbox-safe-packages',
      'Code that Temporal replays may use no package that does input or output.',
      { path: `${sources}(protocol|domain|workflows)/` },
      { dependencyTypes: ['npm'], pathNot: 'node_modules/(@temporalio/(workflow|common)|big\\.js|zod)/' },
    ),
    never(
      'no-node-in-the-sandbox',
      'Node’s own modules do not exist where workflows run.',
      { path: `${sources}(protocol|domain|workflows)/` },
      { dependencyTypes: ['core'] },
    ),
    only(
      'connectors-stand-alone',
      'connectors',
      ['protocol', 'domain'],
      'They know neither Temporal nor us.',
    ),
    never(
      'connectors-without-temporal',
      'A connector works without Temporal.',
      { path: `${sources}connectors/` },
      { path: temporal },
    ),
    never(
      'connectors-are-no-siblings',
      'One outside system knows nothing of another; how pages follow one another and how a request is signed are no systems.',
      { path: `${sources}connectors/([^/]+)/` },
      { path: `${sources}connectors/[^/]+/`, pathNot: `${sources}connectors/($1|paging|hooks|freshworks)/` },
    ),
    never(
      'databases-in-two-places',
      'Only the warehouse and the control database speak SQL.',
      { path: sources, pathNot: `${sources}(warehouse|control|database)/` },
      { path: databases },
    ),
    never(
      'nobody-imports-a-root',
      'Workers and sandboxes are started, not imported.',
      { path: sources, pathNot: `${sources}(workers|sandbox)/` },
      { path: `${sources}(workers|sandbox)/` },
    ),
    never(
      'only-roots-compose',
      'Command line and gateway are outermost.',
      { path: sources, pathNot: `${sources}(cli|gateway|workers)/` },
      { path: `${sources}(cli|gateway)/` },
    ),
    never(
      'benches-are-outermost',
      'What is measured knows nothing of its measurement.',
      { path: sources },
      { path: '^bench/' },
    ),
    never('nothing-unresolved', 'An import must lead somewhere.', {}, { couldNotResolve: true }),
    never(
      'no-development-packages',
      'What users run must not need what only developers install. Peers are asked for when they are needed.',
      { path: sources },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm-peer'] },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
