import { lakePlace } from '../../config/index.js';
import { createBatchStore } from '../../control/batches.js';
import { readPlan } from '../../control/plans.js';
import { openLake } from '../../lake/open.js';
import { BatonError } from '../../protocol/errors.js';
import { type Verification, verifyRun as verify } from '../../quality/verify-run.js';
import { createPostgresWarehouse } from '../../warehouse/postgres/index.js';
import type { Handler } from '../context.js';
import { one } from '../render/result.js';
import { formatCount, formatCounted, type Style } from '../render/style.js';
import { streamOf } from './installation.js';
import { knownRun } from './names.js';

/** Recomputes a run's receipt from lake and warehouse; ERR_VERIFY_DIFFERS when something was changed since. */
export const verifyRun: Handler = async (cli, [reference = '']) => {
  const run = await knownRun(cli, reference);
  const config = await cli.config();
  const control = await cli.control();
  const plan = await readPlan(control, run.plan_hash);
  if (plan === null) {
    throw new BatonError('ERR_RUN_NOT_FOUND', {
      detail: `The plan of run ${run.short_id} is not stored any more.`,
    });
  }
  const lake = await openLake(lakePlace(config));
  const deps = {
    batches: createBatchStore(control),
    warehouse: createPostgresWarehouse(await cli.warehouse()),
    lake,
    stream: (connection: string, stream: string) => streamOf(config, connection, stream),
  };
  cli.verbose(`lake           ${lake.locate('raw')}`);
  const verification = await verify(deps, run.id, plan).finally(() => lake.close());
  const result = one(verification, (style) => describe(verification, run.short_id, style));
  if (verification.ok) return { result };
  const count = verification.differences.length;
  const first = verification.differences[0];
  return {
    result,
    error: new BatonError('ERR_VERIFY_DIFFERS', {
      detail: `Run ${run.short_id} is not as it was: ${count} ${count === 1 ? 'difference' : 'differences'}.`,
      ...(first === undefined ? {} : { where: first.where }),
    }),
  };
};

function describe(verification: Verification, shortId: string, style: Style): string {
  const { ok, batches, objects, records, differences, notes } = verification;
  const what = `${formatCounted(records, 'records')} in ${formatCounted(objects, 'objects')} of ${`${formatCount(batches)} ${batches === 1 ? 'batch' : 'batches'}`}`;
  const lines = [
    `${ok ? style.green('✓') : style.red('✗')} run ${shortId}  ${what}`,
    ...differences.map((each) => `  ${style.red('✗')} ${each.kind}  ${style.bold(each.where)}  ${each.what}`),
    ...notes.map((note) => `  ${style.dim(note)}`),
  ];
  return `${lines.join('\n')}\n`;
}
