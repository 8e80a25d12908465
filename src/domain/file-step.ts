import type { ExtractStep } from './plan.js';

/** The stream of a connection whose records come in files. */
export const filesStream = 'orders';
/** What stands for a step where a file's batch needs one: there is no pipeline behind it. */
export const fileStepId = 'land_file';

/** How the records of a connection's files are loaded: `table` is `raw.pos_orders`. */
export function fileStep(connection: string, table: `raw.${string}`): ExtractStep {
  return {
    id: fileStepId,
    kind: 'extract',
    title: `land files of ${connection}`,
    dependsOn: [],
    connection,
    stream: filesStream,
    target: { table, staging: table.replace('.', '_'), indexes: ['priority_flag'] },
    landing: { layout: 'raw/{connection}/{stream}/{date}/{batch}', watermark: `${filesStream}@${table}` },
    retry: { retries: 0, delayMs: 0, maxDelayMs: 0 },
    initialValue: null,
    lagMs: null,
    parameters: {},
  };
}
