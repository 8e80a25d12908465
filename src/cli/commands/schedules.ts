import type { ScheduleView } from '../../client/index.js';
import { knownTenant } from '../../config/index.js';
import { everyTenant } from '../../protocol/names.js';
import type { Cli, Handler, Options } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge } from '../render/style.js';
import { ensureSchedules } from './ensure-schedules.js';
import { knownPipeline } from './names.js';

export const listSchedules: Handler = async (cli) => {
  const found = await (await cli.client()).listSchedules();
  const now = new Date();
  const age = (time: string | null): string => (time === null ? '' : formatAge(new Date(time), now));
  return {
    result: list<ScheduleView>({
      items: found,
      empty: 'No schedules yet: baton schedules apply creates those of baton.yaml.',
      columns: [
        { title: 'Pipeline', value: (schedule) => schedule.pipeline },
        { title: 'Tenant', value: (schedule) => schedule.tenant },
        {
          title: 'State',
          value: (schedule) => (schedule.paused ? 'paused' : 'active'),
          show: ({ paused }, style) => (paused ? style.yellow('‖ paused') : style.green('✓ active')),
        },
        { title: 'Next', value: ({ nextAt }) => nextAt ?? '', show: ({ nextAt }) => age(nextAt) },
        { title: 'Last', value: ({ lastAt }) => lastAt ?? '', show: ({ lastAt }) => age(lastAt) },
        { title: 'Last run', value: ({ lastRun }) => lastRun ?? '', id: true },
        { title: 'Note', value: ({ note }) => note ?? '' },
      ],
    }),
  };
};

export const applySchedules: Handler = async (cli) => {
  const applied = await ensureSchedules(await cli.config(), await cli.client());
  return {
    result: list({
      items: applied,
      empty: 'baton.yaml names no pipelines.',
      columns: [
        { title: 'Pipeline', value: ({ pipeline }) => pipeline },
        { title: 'Tenant', value: ({ tenant }) => tenant },
        { title: 'Cron', value: ({ cron }) => cron },
        { title: 'Timezone', value: ({ timezone }) => timezone },
        { title: 'Done', value: ({ done }) => done },
      ],
    }),
  };
};

export const pauseSchedule: Handler = async (cli, args, options) => {
  const { pipeline, tenant } = await target(cli, args, options);
  const note = options['note'] === undefined ? 'by baton schedules pause' : String(options['note']);
  await (await cli.client()).pauseSchedule(pipeline, tenant, note);
  return done(pipeline, tenant, 'paused', `baton schedules resume ${pipeline}`);
};

export const resumeSchedule: Handler = async (cli, args, options) => {
  const { pipeline, tenant } = await target(cli, args, options);
  await (await cli.client()).resumeSchedule(pipeline, tenant, 'by baton schedules resume');
  return done(pipeline, tenant, 'active', 'baton schedules list');
};

export const triggerSchedule: Handler = async (cli, args, options) => {
  const { pipeline, tenant } = await target(cli, args, options);
  await (await cli.client()).triggerSchedule(pipeline, tenant);
  return done(pipeline, tenant, 'triggered', 'baton runs watch latest');
};

async function target(cli: Cli, [name = '']: readonly string[], options: Options) {
  const config = await cli.config();
  const pipeline = knownPipeline(config, name);
  const isMapped = config.pipelines[pipeline as keyof typeof config.pipelines]?.tenants.mapped === true;
  const tenant = isMapped ? everyTenant : knownTenant(config, String(options['tenant']));
  return { pipeline, tenant };
}

function done(pipeline: string, tenant: string, state: string, next: string) {
  return {
    result: one(
      { pipeline, tenant, state },
      (style) =>
        `${style.green('✓')} schedule of ${pipeline} for ${tenant}: ${state}\n  ${style.dim(`next: ${next}`)}\n`,
    ),
  };
}
