import { closestFew } from '../../config/closest.js';
import { shortRunId } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import { createQuarantineStore, type QuarantinedRecord } from '../../warehouse/postgres/quarantine.js';
import type { Handler } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge, type Style } from '../render/style.js';
import { choice } from './choice.js';
import { knownRun } from './names.js';

const states = ['waiting', 'superseded', 'all'] as const;

/** Records that failed a rule, newest first. */
export const listQuarantine: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const run = options['run'] === undefined ? {} : { runId: (await knownRun(cli, String(options['run']))).id };
  const rule = options['rule'] === undefined ? {} : { rule: String(options['rule']) };
  const state = choice(options, 'state', states);
  const store = createQuarantineStore(await cli.warehouse());
  const found = await store.list({
    ...run,
    ...rule,
    ...(state === undefined || state === 'all' ? {} : { state }),
    limit: limit + 1,
  });
  const now = new Date();
  return {
    result: list<QuarantinedRecord>({
      items: found.slice(0, limit),
      data: recordData,
      empty: 'Nothing is in quarantine.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Id', value: (record) => record.id },
        { title: 'Table', value: (record) => record.target },
        { title: 'Record', value: (record) => record.record_id ?? '' },
        { title: 'Rule', value: (record) => record.rule },
        { title: 'Path', value: (record) => record.path },
        { title: 'Value', value: (record) => record.value ?? '' },
        { title: 'Reason', value: (record) => record.reason },
        { title: 'Run', value: (record) => shortRunId(record.run_id) },
        {
          title: 'Since',
          value: (record) => record.quarantined_at.toISOString(),
          show: (record) => formatAge(record.quarantined_at, now),
        },
      ],
    }),
  };
};

/** One record: each rule that it failed, where its bytes are, and the bytes. */
export const showQuarantine: Handler = async (cli, [reference = '']) => {
  const store = createQuarantineStore(await cli.warehouse());
  const record = await store.find(reference);
  if (record !== null) return { result: one(recordData(record), (style) => describe(record, style)) };
  const some = (await store.list({ limit: 200 })).flatMap(({ id, record_id }) => [id, record_id ?? id]);
  const near = closestFew(reference, some, 3);
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `Nothing in quarantine is called "${reference}".${near.length === 0 ? '' : ` Closest: ${near.join(', ')}.`}`,
    fix: 'See all: baton quarantine list --state all',
  });
};

function recordData(record: QuarantinedRecord) {
  return {
    id: record.id,
    table: record.target,
    tenant: record.tenant,
    source: record.source,
    stream: record.stream,
    recordId: record.record_id,
    state: record.state,
    rule: record.rule,
    reason: record.reason,
    path: record.path,
    value: record.value,
    violations: record.violations,
    raw: record.raw,
    runId: record.run_id,
    batchId: record.batch_id,
    part: record.part,
    line: record.line,
    quarantinedAt: record.quarantined_at.toISOString(),
  };
}

function describe(record: QuarantinedRecord, style: Style): string {
  const violations = record.violations.flatMap(({ rule, path, reason, value }) => [
    `  ${style.red('✗')} ${style.bold(rule)}  ${path}${value === null ? '' : `  ${value}`}`,
    `    ${reason}`,
  ]);
  return [
    `${style.bold(`${record.source} ${record.stream} ${record.record_id ?? '(no id)'}`)}  ${record.state}`,
    `  ${style.dim('meant for')}  ${record.target}, tenant ${record.tenant}`,
    `  ${style.dim('from     ')}  run ${shortRunId(record.run_id)}, batch ${record.batch_id}, part ${record.part}, line ${record.line}`,
    '',
    ...violations,
    '',
    record.raw,
    '',
  ].join('\n');
}
