import type { ActivityDeps } from '../activities/ports.js';
import { type BatonConfig, fileConnections, filePlace, noticesOf } from '../config/index.js';
import { connectors } from '../connectors/registry.js';
import { openNoticeQueue } from '../lake/notice-queue.js';
import { hearNotices } from './hear-notices.js';
import { watch } from './watch.js';
import { type FileWatchDeps, watchFiles } from './watch-files.js';

/** What is forgotten is looked for this often. */
const remindMs = 60_000;

export interface FindFilesDeps extends FileWatchDeps, Pick<ActivityDeps, 'files'> {
  /** Hears of which connection's files something was told. */
  readonly onFiles: (heard: (connection: string) => void) => { close(): void };
}

/**
 * Finds files for all connections that have some: looks every `pollMs`, and at once when a store tells of a new one.
 * Throws ERR_CONFIG_INVALID, ERR_LAKE_DRIVER_MISSING.
 */
export async function findFiles(
  config: BatonConfig,
  deps: FindFilesDeps,
): Promise<{ stop(): Promise<void> }> {
  const names = fileConnections(config);
  if (names.length === 0) return { stop: async () => {} };
  const found = await Promise.all(
    names.map(async (name) => {
      const { place, settings } = filePlace(config, name, connectors);
      const watching = watchFiles(deps, name, settings.pollMs);
      const queue = noticesOf(place, settings.queue);
      const hearing =
        queue === null
          ? null
          : hearNotices({
              queue: await openNoticeQueue(queue),
              watch: watching,
              concerns: ({ bucket }) => bucket === settings.bucket,
              log: deps.log,
            });
      return { name, watching, hearing };
    }),
  );
  const told = deps.onFiles((connection) => {
    for (const { name, watching } of found) if (name === connection) void watching.look();
  });
  const reminding = watch(async () => {
    await deps.files.remind().catch(() => {});
    return true;
  }, remindMs);
  return {
    async stop() {
      told.close();
      await Promise.all([
        reminding.stop(),
        ...found.flatMap(({ watching, hearing }) => [watching.stop(), hearing?.stop()]),
      ]);
    },
  };
}
