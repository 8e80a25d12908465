import { shortRunId } from '../../control/runs.js';
import type { RunProgress } from '../../protocol/run.js';
import type { Cli } from '../context.js';
import { createStepTree } from '../render/step-tree.js';

/** Where lines for a person go: above the tree while there is one. */
export interface Voice {
  say(line: string): void;
}

/** Shows a run's steps on stderr until it ends or the watching is called off. */
export async function followRun(
  cli: Cli,
  watching: AsyncIterable<RunProgress>,
  id: string,
  voice: Voice,
): Promise<void> {
  const { settings, io } = cli;
  const tree = createStepTree({
    stream: settings.quiet ? { write: () => {} } : io.stderr,
    live: settings.live && !settings.quiet,
    color: settings.colorErr,
    label: shortRunId(id),
    hint: 'Ctrl-C stops everything; nothing is lost',
  });
  const before = voice.say;
  voice.say = (line) => tree.say(line);
  try {
    for await (const progress of watching) tree.update(progress);
  } finally {
    tree.close();
    voice.say = before;
  }
}
