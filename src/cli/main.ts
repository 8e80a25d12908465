import { readFileSync } from 'node:fs';
import { processEnvironment } from '../config/process-environment.js';

/** Entry of the command line. Nothing heavy is imported before it is known that more than the version is wanted. */
const args = process.argv.slice(2);

if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  const manifest = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  process.stdout.write(`${version}\n`);
} else {
  const { runCommandLine } = await import('./command-line.js');
  const exitCode = await runCommandLine(args, {
    stdout: process.stdout,
    stderr: process.stderr,
    env: processEnvironment(),
    cwd: process.cwd(),
  });
  // Sockets that are being closed must not keep a finished command alive.
  process.exit(exitCode);
}
