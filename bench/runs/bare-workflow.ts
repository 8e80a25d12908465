import { proxyActivities } from '@temporalio/workflow';

/** A workflow with nothing to do: so many activities side by side, and as many again when all of them are done. */
export async function bare(waves: readonly number[]): Promise<void> {
  const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '1m' });
  for (const width of waves) await Promise.all(Array.from({ length: width }, () => nothing()));
}
