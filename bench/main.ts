import { extractLoad } from './extract-load/index.js';
import { files } from './files/index.js';
import { ingest } from './ingest/index.js';
import { installSize } from './install-size/index.js';
import { burst } from './runs/burst.js';
import { smallRun } from './runs/small-run.js';
import { tenants } from './runs/tenants.js';
import { simulation } from './simulate/index.js';
import { triage } from './triage/index.js';

/** A measurement with a command line of its own. Its last line on stdout is one JSON object. */
export interface Bench {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  run(args: readonly string[]): Promise<void>;
}

const benches: readonly Bench[] = [
  extractLoad,
  smallRun,
  burst,
  tenants,
  ingest,
  triage,
  files,
  simulation,
  installSize,
];

function usage(): string {
  const lines = benches.map(({ name, summary, usage: options }) => `  ${name} ${options}\n      ${summary}`);
  return `npm run bench -- <name> [options]\n\n${lines.join('\n')}\n`;
}

const [name = '', ...args] = process.argv.slice(2);
const bench = benches.find((candidate) => candidate.name === name);
if (bench === undefined) {
  process.stderr.write(usage());
  process.exitCode = 2;
} else {
  try {
    await bench.run(args);
  } catch (error) {
    process.stderr.write(`✗ ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
