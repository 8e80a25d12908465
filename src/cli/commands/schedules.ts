import type { ScheduleView } from '../../client/index.js';
import { configuredPipelines, knownTenant } from '../../config/index.js';
import type { Cli, Handler, Options } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge } from '../render/style.js';
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

/** Creates the schedules of baton.yaml or brings them up to date; one that a person paused stays paused. */
export const applySchedules: Handler = async (cli) => {
  const config = await cli.config();
  const client = await cli.client();
  const applied: { pipeline: string; tenant: string; cron: string; timezone: string; done: string }[] = [];
  for (const [pipeline, { schedule }] of configuredPipelines(config))
    for (const tenant of config.tenants) {
      const done = await client.ensureSchedule(pipeline, tenant, schedule);
      applied.push({ pipeline, tenant, cron: schedule.cron, timezone: schedule.timezone, done });
    }
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
  return { pipeline: knownPipeline(config, name), tenant: knownTenant(config, String(options['tenant'])) };
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
