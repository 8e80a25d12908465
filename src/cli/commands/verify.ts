import { lakePlace } from '../../config/index.js';
import { createBatchStore } from '../../control/batches.js';
import { createFanOutStore } from '../../control/fan-outs.js';
import { readPlan } from '../../control/plans.js';
import { createRunStore, type RunRow } from '../../control/runs.js';
import type { Database } from '../../database/postgres.js';
import { openLake } from '../../lake/open.js';
import { BatonError } from '../../protocol/errors.js';
import { everyTenant } from '../../protocol/names.js';
import { type Verification, verifyRun as verify } from '../../quality/verify-run.js';
import { createPostgresWarehouse } from '../../warehouse/postgres/index.js';
import type { Handler } from '../context.js';
import { one } from '../render/result.js';
import { formatCount, formatCounted, type Style } from '../render/style.js';
import { streamOf } from './installation.js';
import { knownRun } from './names.js';

const mostTenants = 10_000;

/**
 * Recomputes a run's receipt from lake and warehouse, of a mapped run that of each tenant's. ERR_VERIFY_DIFFERS when
 * something was changed since.
 */
export const verifyRun: Handler = async (cli, [reference = '']) => {
  const run = await knownRun(cli, reference);
  const config = await cli.config();
  const control = await cli.control();
  const lake = await openLake(lakePlace(config));
  cli.onClose(async () => lake.close());
  const deps = {
    batches: createBatchStore(control),
    warehouse: createPostgresWarehouse(await cli.warehouse()),
    lake,
    stream: (connection: string, stream: string) => streamOf(config, connection, stream),
  };
  cli.verbose(`lake           ${lake.locate('raw')}`);
  const verified: Verification[] = [];
  for (const each of await singleRuns(control, run)) {
    const plan = await readPlan(control, each.plan_hash);
    if (plan === null) {
      throw new BatonError('ERR_RUN_NOT_FOUND', {
        detail: `The plan of run ${each.short_id} is not stored any more.`,
      });
    }
    verified.push(await verify(deps, each.id, plan));
  }
  const verification = sumOf(run.id, verified);
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

/** The run itself; of one that is mapped over tenants, theirs. */
async function singleRuns(control: Database, run: RunRow): Promise<readonly RunRow[]> {
  if (run.tenant !== everyTenant) return [run];
  const runs = createRunStore(control);
  const items = await createFanOutStore(control).items(run.id, mostTenants);
  return (await Promise.all(items.map(({ run_id }) => runs.find(run_id)))).flat();
}

function sumOf(runId: string, verified: readonly Verification[]): Verification {
  const sum = (of: (each: Verification) => number) => verified.reduce((all, each) => all + of(each), 0);
  return {
    runId,
    ok: verified.every(({ ok }) => ok),
    batches: sum(({ batches }) => batches),
    objects: sum(({ objects }) => objects),
    records: sum(({ records }) => records),
    differences: verified.flatMap(({ differences }) => differences),
    notes: [...new Set(verified.flatMap(({ notes }) => notes))],
  };
}

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
