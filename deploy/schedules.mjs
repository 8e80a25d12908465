// Creates the schedules of baton.yaml, or brings them up to date; whether one is paused stays as a person set
// it. Safe to repeat. Runs once per deployment: `node deploy/schedules.mjs`.
import { BatonClient } from '../dist/client/index.js';
import { loadConfig } from '../dist/config/index.js';

const config = loadConfig();
const client = await BatonClient.connect({ config, connectTimeoutMs: 30_000 });
for (const [pipeline, { schedule }] of Object.entries(config.pipelines)) {
  for (const tenant of config.tenants) {
    const done = await client.ensureSchedule(pipeline, tenant, schedule);
    console.log(JSON.stringify({ pipeline, tenant, cron: schedule.cron, timezone: schedule.timezone, done }));
  }
}
await client.close();
