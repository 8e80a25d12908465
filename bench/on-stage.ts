import { openStage, type Stage } from './servers.js';

export interface StageFlags {
  /** Nothing but errors on stderr. */
  readonly json: boolean;
  /** Logs, lake and databases stay in the temporary folder. */
  readonly keep: boolean;
}

/** Opens servers, measures on them, closes them (also on Ctrl-C), and prints the summary as the last line. */
export async function onStage(
  flags: StageFlags,
  measure: (stage: Stage, say: (line: string) => void) => Promise<object>,
): Promise<void> {
  const say = flags.json ? () => {} : (line: string) => void process.stderr.write(`${line}\n`);
  say('starting PostgreSQL and Temporal');
  let isLeaving = false;
  const opening = openStage({ keep: flags.keep, say });
  const leave = () => {
    isLeaving = true;
    const closed = opening.then((stage) => stage.close());
    void closed.catch(() => {}).finally(() => process.exit(130));
  };
  process.once('SIGINT', leave).once('SIGTERM', leave);
  const stage = await opening;
  let summary: object = {};
  try {
    summary = await measure(stage, say);
  } catch (error) {
    if (!isLeaving) throw error;
  } finally {
    await stage.close();
    process.off('SIGINT', leave).off('SIGTERM', leave);
  }
  if (!isLeaving) process.stdout.write(`${JSON.stringify(summary)}\n`);
}
