import { formatDuration, lakePlace } from '../../config/index.js';
import type { Retention } from '../../config/schema/retention.js';
import { migrateControl } from '../../control/database.js';
import { createRetainedStore } from '../../control/retained.js';
import { openLake } from '../../lake/open.js';
import { BatonError } from '../../protocol/errors.js';
import { type Swept, sweep as sweepNow } from '../../repair/retention.js';
import { createPostgresWarehouse } from '../../warehouse/postgres/index.js';
import { createWarehouseRetention } from '../../warehouse/postgres/retained.js';
import type { Cli, Handler } from '../context.js';
import { one } from '../render/result.js';
import { formatCount, formatCounted, type Style } from '../render/style.js';
import { plansOf, streamOf } from './installation.js';

/** What the workers do every hour, now; with --dry-run only what it would remove. */
export const sweepRetained: Handler = async (cli, _, options) => {
  const config = await cli.config();
  const dryRun = options['dryRun'] === true;
  const swept = await sweepNow(await partsOf(cli), config.retention, { dryRun });
  if (swept === null)
    throw new BatonError('ERR_SWEEP_BUSY', {
      detail: 'Another process removes what is past its time just now.',
    });
  const { everyMs: _every, ...policy } = config.retention;
  const data = { dryRun, policy: Object.fromEntries(Object.entries(policy).map(wordsOf)), ...swept };
  return { result: one(data, (style) => describe(swept, config.retention, dryRun, style)) };
};

async function partsOf(cli: Cli) {
  const config = await cli.config();
  const lake = await openLake(lakePlace(config));
  cli.onClose(async () => lake.close());
  const control = await cli.control();
  await migrateControl(control);
  const database = await cli.warehouse();
  const warehouse = createPostgresWarehouse(database);
  await warehouse.prepare();
  return {
    retained: createRetainedStore(control),
    needs: createWarehouseRetention(database),
    warehouse,
    lake,
    plans: plansOf(config),
    stream: (connection: string, stream: string) => streamOf(config, connection, stream),
    now: () => new Date(),
  };
}

function wordsOf([name, ms]: readonly [string, number | null]): readonly [string, string] {
  return [name, ms === null ? 'forever' : formatDuration(ms)];
}

function describe(swept: Swept, policy: Retention, dryRun: boolean, style: Style): string {
  const { runs, effects, events, checkpoints, batches, objects, bytes, needed } = swept;
  const kept = (ms: number | null) =>
    style.dim(ms === null ? 'kept for ever' : `older than ${formatDuration(ms)}`);
  const mark = dryRun ? style.yellow('would remove') : `${style.green('✓')} removed`;
  return [
    mark,
    `  ${formatCounted(batches, 'batches')} of the lake, ${formatCounted(objects, 'objects')}, ${formatCounted(bytes, 'bytes')}  ${kept(policy.lake)}`,
    ...Object.entries(needed).map(
      ([why, count]) => `    ${style.dim('kept')} ${formatCount(count ?? 0)}  ${why}`,
    ),
    `  checkpoints of ${formatCounted(checkpoints, 'batches')}  ${kept(policy.parts)}`,
    `  ${formatCounted(effects, 'effects')}  ${kept(policy.effects)}`,
    `  ${formatCounted(events, 'events')}  ${kept(policy.events)}`,
    `  ${formatCounted(runs, 'runs')}  ${kept(policy.runs)}`,
    '',
  ].join('\n');
}
