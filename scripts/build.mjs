// Turns src/**/*.ts into dist/**/*.js, one file for one (no bundling), then bundles the workflows for
// Temporal's sandbox. Skips all of it when a fingerprint of the sources says that dist is current.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = path.join(root, 'dist', '.fingerprint');

async function filesUnder(dir, ext) {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  return entries
    .filter((e) => e.isFile() && e.name.endsWith(ext))
    .map((e) => path.join(e.parentPath ?? e.path, e.name))
    .sort();
}

/** sha256 over the sources, the lockfile, the Node major version and this script. */
export async function fingerprint() {
  const hash = createHash('sha256').update(process.versions.node.split('.')[0]);
  const files = await filesUnder(path.join(root, 'src'), '.ts');
  for (const file of [...files, path.join(root, 'package-lock.json'), fileURLToPath(import.meta.url)]) {
    hash.update(path.relative(root, file)).update(await readFile(file));
  }
  return hash.digest('hex');
}

/** Builds when needed; answers whether it did. Safe to call from two processes: the last rename wins. */
export async function build({ force = false, log = () => {} } = {}) {
  const want = await fingerprint();
  if (!force && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === want) return false;
  log('building');
  const esbuild = await import('esbuild');
  const next = path.join(root, `dist.${process.pid}`);
  await rm(next, { recursive: true, force: true });
  await mkdir(next, { recursive: true });
  await esbuild.build({
    entryPoints: await filesUnder(path.join(root, 'src'), '.ts'),
    outdir: next,
    outbase: path.join(root, 'src'),
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
  const workflows = path.join(next, 'workflows', 'index.js');
  if (existsSync(workflows)) {
    const { bundleWorkflowCode } = await import('@temporalio/worker');
    const quiet = { trace() {}, debug() {}, info() {}, warn: console.error, error: console.error, log() {} };
    const { code } = await bundleWorkflowCode({ workflowsPath: workflows, logger: quiet });
    await writeFile(path.join(next, 'workflow-bundle.js'), code);
  }
  await writeFile(path.join(next, '.fingerprint'), want);
  const old = path.join(root, `dist.old.${process.pid}`);
  await rename(path.join(root, 'dist'), old).catch(() => {});
  await rename(next, path.join(root, 'dist')).catch(async (error) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    await rm(next, { recursive: true, force: true }); // another process built the same thing meanwhile
  });
  await rm(old, { recursive: true, force: true });
  return true;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await build({ force: process.argv.includes('--force'), log: (line) => console.error(line) });
}
