import { type BatonConfig, knownTenant, noticePlace } from '../config/index.js';
import { connectors } from '../connectors/registry.js';
import type { NoticedObject } from '../lake/notice.js';
import { openNoticeQueue } from '../lake/notice-queue.js';
import type { Lake } from '../lake/port.js';
import { rawTable } from '../pipelines/resilient-elt-pipeline.js';
import { BatonError } from '../protocol/errors.js';
import { hearNotices } from './hear-notices.js';
import { type Intake, type WatchDeps, watchArrivals } from './watch-arrivals.js';

/**
 * Finds what arrives for the loaders: looks every `lake.poll`, and at once when the bucket tells of a new object in an
 * intake. Throws ERR_CONFIG_INVALID, ERR_LAKE_DRIVER_MISSING.
 */
export async function findArrivals(config: BatonConfig, deps: WatchDeps): Promise<{ stop(): Promise<void> }> {
  const intakes = intakesOf(config);
  const place = noticePlace(config);
  const queue = place === null ? null : await openNoticeQueue(place);
  const watch = watchArrivals(deps, intakes, config.lake.pollMs);
  const concerns = (object: NoticedObject) => isInOne(intakes, deps.lake, object);
  const hearing = queue === null ? null : hearNotices({ queue, watch, concerns, log: deps.log });
  return {
    async stop() {
      await Promise.all([hearing?.stop(), watch.stop()]);
    },
  };
}

function isInOne(intakes: readonly Intake[], lake: Lake, { bucket, key }: NoticedObject): boolean {
  return intakes.some(({ folder }) => `s3://${bucket}/${key}`.startsWith(lake.locate(folder)));
}

/** The intakes of baton.yaml. Throws ERR_CONFIG_INVALID for a stream that the connection does not have. */
function intakesOf(config: BatonConfig): readonly Intake[] {
  return config.lake.intake.map(({ prefix, connection, stream, tenant }) => {
    const { streams = {} } = connectors[config.connections[connection]?.type ?? ''] ?? {};
    if (streams[stream] === undefined)
      throw new BatonError('ERR_CONFIG_INVALID', {
        detail: `The intake ${prefix} names the stream ${stream}, which ${connection} does not have; it has ${Object.keys(streams).join(', ')}.`,
        where: 'lake.intake',
      });
    return {
      folder: prefix,
      connection,
      stream,
      tenant: knownTenant(config, tenant),
      target: rawTable(connection, stream),
    };
  });
}
