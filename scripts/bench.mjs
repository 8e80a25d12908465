// `npm run bench -- <name> [options]`: prepares a fresh clone and runs a bench from a copy of what is built at
// this moment, so that a build meanwhile changes nothing of what is measured.
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, root, say } from './prepare.mjs';

const sources = path.join(root, 'bench');
const copies = path.join(root, 'dist.bench');
const copy = path.join(copies, String(process.pid));

try {
  await prepare();
} catch (error) {
  if (!error.sentence) throw error;
  say(`✗ ${error.sentence}`);
  process.exit(error.exitCode);
}

sweep();
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
mkdirSync(copy, { recursive: true });
cpSync(path.join(root, 'dist'), path.join(copy, 'dist'), { recursive: true });
await transpile();
await import(pathToFileURL(path.join(copy, 'bench', 'main.js')));

/** Removes what a bench that was killed has left behind. */
function sweep() {
  mkdirSync(copies, { recursive: true });
  for (const name of readdirSync(copies))
    if (!isAlive(Number(name))) rmSync(path.join(copies, name), { recursive: true, force: true });
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** One file for one; what is imported from src comes from the copy of dist. */
async function transpile() {
  const files = readdirSync(sources, { recursive: true });
  const esbuild = await import('esbuild');
  await esbuild.build({
    entryPoints: files.filter((file) => file.endsWith('.ts')).map((file) => path.join(sources, file)),
    outdir: path.join(copy, 'bench'),
    outbase: sources,
    bundle: true,
    packages: 'external',
    plugins: [{ name: 'one-for-one', setup: leaveImports }],
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
  for (const file of files.filter((name) => name.endsWith('.py')))
    cpSync(path.join(sources, file), path.join(copy, 'bench', file));
}

function leaveImports(build) {
  build.onResolve({ filter: /^\./ }, (found) =>
    found.kind === 'entry-point'
      ? undefined
      : { path: found.path.replace(/^((?:\.\.\/)+)src\//, '$1dist/'), external: true },
  );
}
