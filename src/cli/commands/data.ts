import { nearest } from '../../config/closest.js';
import { shortRunId } from '../../control/runs.js';
import { BatonError } from '../../protocol/errors.js';
import type { SchemaChange } from '../../warehouse/port.js';
import { createShapeStore, type FieldOfTable } from '../../warehouse/postgres/shape/store.js';
import type { Handler } from '../context.js';
import { list } from '../render/result.js';
import { formatAge } from '../render/style.js';

/** Every field that the vendors' records were seen to have, and where its values are. */
export const showSchema: Handler = async (cli, [table = '']) => {
  const store = createShapeStore(await cli.warehouse());
  const fields = await store.fields(table);
  if (fields.length === 0) throw await unknownTable(store, table);
  return {
    result: list<FieldOfTable>({
      items: fields,
      data: fieldData,
      empty: '',
      columns: [
        { title: 'Source', value: (field) => field.source },
        { title: 'Field', value: (field) => field.key },
        { title: 'Type', value: (field) => field.type ?? '' },
        { title: 'Column', value: (field) => field.column ?? '' },
        { title: 'Kept', value: (field) => keptWords[field.state] },
        { title: 'Older rows', value: filledWords },
        {
          title: 'Always',
          value: (field) => (field.isGone ? 'gone' : field.always ? 'yes' : 'no'),
        },
      ],
    }),
  };
};

/** What changed in the vendors' records, newest first, and what the tables' contracts made of it. */
export const listChanges: Handler = async (cli, [table]) => {
  const { limit } = cli.settings;
  const store = createShapeStore(await cli.warehouse());
  const found = await store.changes(table ?? null, limit + 1);
  const now = new Date();
  return {
    result: list<SchemaChange>({
      items: found.slice(0, limit),
      data: changeData,
      empty: 'No change of any field was seen.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Table', value: (change) => change.target },
        { title: 'Field', value: (change) => change.key },
        { title: 'Change', value: (change) => change.kind },
        { title: 'Contract', value: (change) => change.mode ?? '' },
        { title: 'What', value: (change) => change.detail },
        { title: 'Run', value: (change) => change.run_id, show: (change) => shortRunId(change.run_id) },
        {
          title: 'Seen',
          value: (change) => change.changed_at.toISOString(),
          show: (change) => formatAge(change.changed_at, now),
        },
      ],
    }),
  };
};

function fieldData({ source, key, type, column, state, filledShare, always, isGone }: FieldOfTable) {
  return {
    source,
    field: key,
    type,
    column,
    state,
    filledShare: column === null ? null : filledShare,
    always,
    isGone,
  };
}

function changeData(change: SchemaChange) {
  return {
    id: change.id,
    table: change.target,
    source: change.source,
    tenant: change.tenant,
    field: change.key,
    kind: change.kind,
    contract: change.mode,
    detail: change.detail,
    runId: change.run_id,
    batchId: change.batch_id,
    changedAt: change.changed_at.toISOString(),
  };
}

const keptWords: Readonly<Record<FieldOfTable['state'], string>> = {
  raw: 'in raw, or mapped',
  column: 'in its column',
  ignored: 'in raw only',
  refused: 'refused',
  full: 'in raw only: too many columns',
};

function filledWords({ column, filledShare }: FieldOfTable): string {
  if (column === null) return '';
  return filledShare === 1 ? 'filled' : `${Math.floor(filledShare * 100)} % filled`;
}

async function unknownTable(store: ReturnType<typeof createShapeStore>, table: string): Promise<BatonError> {
  const tables = await store.tables();
  return new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No records were loaded into a table "${table}" yet.${nearest(table, tables)}`,
    fix: tables.length === 0 ? 'Run a pipeline first.' : `There are: ${tables.join(', ')}.`,
  });
}
