import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stateHome } from '../../config/index.js';
import { runCommand } from './command.js';
import type { DoctorCheck, DoctorContext, Finding } from './doctor.js';
import { defaultPorts, isFree } from './ports.js';
import { readLocalState, writing } from './state.js';
import { locateTemporalBinary } from './temporal-binary.js';

const gibibyte = 1024 ** 3;

const nodeVersion: DoctorCheck = {
  name: 'Node.js',
  needsConfig: false,
  async run(): Promise<Finding> {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    if (major > 20 || (major === 20 && minor >= 19)) return { state: 'ok', detail: process.versions.node };
    return { state: 'fail', detail: `${process.versions.node} is older than 20.19`, fix: 'nvm install 22' };
  },
};

const npmVersion: DoctorCheck = {
  name: 'npm',
  needsConfig: false,
  async run({ env }): Promise<Finding> {
    const answer = await runCommand('npm', ['--version'], { env, timeoutMs: 10_000 });
    if (answer.ok) return { state: 'ok', detail: answer.stdout.trim() };
    const fix = 'Install npm; it comes with Node.js.';
    return { state: 'warn', detail: `${answer.reason}: updates cannot be installed`, fix };
  },
};

const stateFolder: DoctorCheck = {
  name: 'state folder',
  needsConfig: false,
  async run(context): Promise<Finding> {
    const home = homeOf(context);
    await writing(home, async () => {
      await mkdir(home, { recursive: true });
      const probe = path.join(home, `.probe-${process.pid}`);
      await writeFile(probe, 'x');
      await rm(probe);
    });
    return { state: 'ok', detail: `${home} can be written` };
  },
};

const diskSpace: DoctorCheck = {
  name: 'disk space',
  needsConfig: false,
  async run({ cwd }): Promise<Finding> {
    const { bavail, bsize } = await statfs(cwd);
    const free = (bavail * bsize) / gibibyte;
    const detail = `${free.toFixed(1)} GiB free`;
    const fix = 'Free some space; the local stack needs about 2 GiB.';
    if (free < 0.5) return { state: 'fail', detail, fix };
    return free < 2 ? { state: 'warn', detail, fix } : { state: 'ok', detail };
  },
};

const ports: DoctorCheck = {
  name: 'local stack',
  needsConfig: false,
  async run(context): Promise<Finding> {
    const running = readLocalState(homeOf(context));
    if (running !== undefined) {
      return {
        state: 'ok',
        detail: `runs since ${running.startedAt}, http://localhost:${running.ports.gateway}`,
      };
    }
    const entries = Object.entries(defaultPorts);
    const free = await Promise.all(entries.map(([, port]) => isFree(port)));
    const taken = entries.filter((_, index) => !free[index]).map(([name, port]) => `${port} (${name})`);
    if (taken.length === 0) return { state: 'ok', detail: 'not running; its ports are free' };
    const detail = `not running; taken by something else: ${taken.join(', ')}`;
    return { state: 'warn', detail, fix: 'Nothing to do: `npm start` takes the next free port and says so.' };
  },
};

const temporalProgram: DoctorCheck = {
  name: 'Temporal program',
  needsConfig: false,
  async run(context): Promise<Finding> {
    const file = await locateTemporalBinary('temporal', { env: context.env, home: homeOf(context) });
    if (file !== undefined) return { state: 'ok', detail: file };
    const fix = '`npm start` fetches it; or set TEMPORAL_CLI_PATH.';
    return { state: 'warn', detail: 'not on this machine yet', fix };
  },
};

function homeOf({ config, cwd, env }: DoctorContext): string {
  return config?.home ?? stateHome(cwd, env);
}

export const machineChecks: readonly DoctorCheck[] = [
  nodeVersion,
  npmVersion,
  stateFolder,
  diskSpace,
  ports,
  temporalProgram,
];
