/**
 * Starts a pipeline from another service and waits for its receipt.
 *
 *   npx tsx examples/start-pipeline.ts [host:port of Temporal]
 *
 * Without an address it uses baton.yaml of the folder it runs in.
 */
import { BatonClient } from 'baton/client';

const address = process.argv[2];
const baton = await BatonClient.connect(address === undefined ? {} : { address });
try {
  const run = await baton.startPipeline({ pipeline: 'po_data_pipeline' });
  console.error(`started ${run.id}`);
  for await (const { steps } of run.watch()) {
    const done = steps.filter((step) => step.state === 'succeeded').length;
    console.error(`${done} of ${steps.length} steps`);
  }
  const { state, receipt, tickets } = await run.result();
  console.log(JSON.stringify({ state, receipt, tickets }));
} finally {
  await baton.close();
}
