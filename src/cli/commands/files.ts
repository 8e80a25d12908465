import { nearest } from '../../config/closest.js';
import { createFileStore, type FileRow, fileStates } from '../../control/files.js';
import { BatonError } from '../../protocol/errors.js';
import { fileWorkflowId } from '../../protocol/names.js';
import type { Handler } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge } from '../render/style.js';
import { choice } from './choice.js';
import { temporalLink } from './links.js';

/** Files that arrived, newest first. */
export const listFiles: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const state = choice(options, 'state', fileStates) ?? null;
  const found = await createFileStore(await cli.control()).list({ state, limit: limit + 1 });
  const now = new Date();
  return {
    result: list<FileRow>({
      items: found.slice(0, limit),
      data: fileData,
      empty: 'No file has arrived.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'File', value: ({ id }) => id, id: true },
        { title: 'Connection', value: ({ connection }) => connection },
        { title: 'Name', value: ({ key }) => key },
        { title: 'State', value: ({ state: stands }) => stands },
        { title: 'Records', value: ({ records }) => (records === null ? '' : String(records)) },
        { title: 'Loaded', value: ({ counts }) => (counts === null ? '' : String(counts.loaded)) },
        {
          title: 'Quarantined',
          value: ({ counts }) => (counts === null ? '' : String(counts.quarantined)),
        },
        { title: 'HIGH', value: ({ high }) => (high === null ? '' : String(high)) },
        {
          title: 'Arrived',
          value: ({ arrived_at }) => arrived_at.toISOString(),
          show: ({ arrived_at }) => formatAge(arrived_at, now),
        },
      ],
    }),
  };
};

/** One file: what became of it, and where everything is. */
export const showFile: Handler = async (cli, [reference = '']) => {
  const store = createFileStore(await cli.control());
  const file = await store.find(reference);
  if (file === null) {
    const some = (await store.list({ state: null, limit: 100 })).map(({ id }) => id);
    throw new BatonError('ERR_UNKNOWN_NAME', {
      detail: `No file "${reference}".${nearest(reference, some, '')}`,
      fix: 'See all: baton files list',
    });
  }
  const link = temporalLink(await cli.config(), fileWorkflowId(file.connection, file.id));
  const { counts } = file;
  return {
    result: one({ ...fileData(file), temporal: link }, (style) =>
      [
        `${style.bold(file.id)}  ${file.key} at ${file.connection}, ${file.state}`,
        `  ${style.dim('arrived ')}  ${file.arrived_at.toISOString()}, ${file.bytes} bytes, version ${file.version}`,
        ...(file.reason === null ? [] : [`  ${style.dim('why     ')}  ${file.reason}`]),
        ...(file.records === null ? [] : [`  ${style.dim('records ')}  ${file.records} landed`]),
        ...(counts === null
          ? []
          : [
              `  ${style.dim('stored  ')}  ${file.stored_at?.toISOString() ?? ''}: ${counts.loaded} loaded, ${counts.quarantined} quarantined, ${counts.duplicate + counts.stale} older or doubled`,
            ]),
        ...(file.batch_id === null
          ? []
          : [`  ${style.dim('batch   ')}  ${file.batch_id}.${file.generation} (_batch_id of its rows)`]),
        ...(file.enriched_key === null
          ? []
          : [`  ${style.dim('enriched')}  ${file.enriched_key} in the lake`]),
        ...(file.high === null ? [] : [`  ${style.dim('HIGH    ')}  ${file.high} of the orders`]),
        `  ${style.dim('Temporal')}  ${link}`,
        ...(file.state === 'dead' ? [`  ${style.dim('next    ')}  baton dlq replay file:${file.id}`] : []),
        '',
      ].join('\n'),
    ),
  };
};

function fileData(file: FileRow) {
  const { id, tenant, connection, key, version, state, reason, records, counts, high } = file;
  return {
    id,
    tenant,
    connection,
    key,
    version,
    bytes: Number(file.bytes),
    state,
    reason,
    records,
    loaded: counts?.loaded ?? null,
    quarantined: counts?.quarantined ?? null,
    high,
    enrichedKey: file.enriched_key,
    batch: file.batch_id === null ? null : `${file.batch_id}.${file.generation}`,
    arrivedAt: file.arrived_at.toISOString(),
    storedAt: file.stored_at?.toISOString() ?? null,
    endedAt: file.ended_at?.toISOString() ?? null,
  };
}
