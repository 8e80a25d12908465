// Turns src/**/*.ts into dist/**/*.js, one file for one (no bundling), then bundles the workflows for
// Temporal's sandbox. Skips all of it when a fingerprint of the sources says that dist is current.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const root = path.resolve(path.dirname(self), '..');
const sources = path.join(root, 'src');
const fingerprintFile = path.join(root, 'dist', '.fingerprint');
const glanceFile = path.join(root, 'dist', '.glance');

/** Every file below src, and the latest change of any of them or of a folder (which sees removals). */
function survey() {
  const files = [];
  let latest = 0;
  const visit = (folder) => {
    latest = Math.max(latest, statSync(folder).mtimeMs);
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const name = path.join(folder, entry.name);
      if (entry.isDirectory()) visit(name);
      else if (entry.isFile()) files.push(name);
    }
  };
  visit(sources);
  const inputs = [...files.sort(), path.join(root, 'package-lock.json'), self];
  for (const file of inputs) latest = Math.max(latest, statSync(file).mtimeMs);
  return { inputs, glance: `${process.versions.node.split('.')[0]} ${inputs.length} ${latest}` };
}

/** sha256 over the sources, the lockfile, the Node major version and this script. */
export async function fingerprint() {
  const hash = createHash('sha256').update(process.versions.node.split('.')[0]);
  for (const file of survey().inputs) hash.update(path.relative(root, file)).update(await readFile(file));
  return hash.digest('hex');
}

/** Whether dist was built from files with these times; a few milliseconds, nothing is read. */
export function isCurrent() {
  return existsSync(glanceFile) && readFileSync(glanceFile, 'utf8') === survey().glance;
}

/** Builds when needed; answers whether it did. Safe to call from two processes: the last rename wins. */
export async function build({ force = false, log = () => {} } = {}) {
  if (!force && isCurrent()) return false;
  const { inputs, glance } = survey();
  const want = await fingerprint();
  if (!force && existsSync(fingerprintFile) && readFileSync(fingerprintFile, 'utf8') === want) {
    writeFileSync(glanceFile, glance);
    return false;
  }
  log('building');
  await sweep();
  const next = path.join(root, `dist.${process.pid}`);
  try {
    await mkdir(next, { recursive: true });
    await transpile(
      inputs.filter((file) => file.endsWith('.ts')),
      next,
    );
    await bundleWorkflows(next);
    await writeFile(path.join(next, '.fingerprint'), want);
    await writeFile(path.join(next, '.glance'), glance);
    await replaceDist(next);
  } finally {
    await rm(next, { recursive: true, force: true });
  }
  return true;
}

/** Removes what a build that was killed has left behind. */
async function sweep() {
  for (const name of readdirSync(root)) {
    const pid = /^dist\.(?:old\.)?(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(path.join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function transpile(entryPoints, outdir) {
  const esbuild = await import('esbuild');
  await esbuild.build({
    entryPoints,
    outdir,
    outbase: sources,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
}

async function bundleWorkflows(folder) {
  const workflowsPath = path.join(folder, 'workflows', 'index.js');
  if (!existsSync(workflowsPath)) return;
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const quiet = { trace() {}, debug() {}, info() {}, warn: console.error, error: console.error, log() {} };
  const workflowInterceptorModules = [path.join(folder, 'workflows', 'interceptors.js')];
  const { code } = await bundleWorkflowCode({ workflowsPath, workflowInterceptorModules, logger: quiet });
  await writeFile(path.join(folder, 'workflow-bundle.js'), code);
}

/** Another process may have built the same thing meanwhile; then its dist stays. */
async function replaceDist(next) {
  const old = path.join(root, `dist.old.${process.pid}`);
  await rename(path.join(root, 'dist'), old).catch(() => {});
  await rename(next, path.join(root, 'dist')).catch((error) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  await rm(old, { recursive: true, force: true });
}

if (process.argv[1] && path.resolve(process.argv[1]) === self) {
  await build({ force: process.argv.includes('--force'), log: (line) => console.error(line) });
}
