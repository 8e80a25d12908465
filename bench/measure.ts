import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { runCommand } from '../src/cli/stack/command.js';

/** What a process and all its children used between start and stop. */
export interface Usage {
  readonly cpuSeconds: number;
  /** Of all of them together, pages that they share counted once; megabytes of 10^6 bytes. */
  readonly peakRssMb: number;
}

export interface Measurement<Name extends string> {
  readonly usage: Readonly<Record<Name, Usage>>;
  /** What everything else on this machine used meanwhile, the bench itself left out: noise. */
  readonly othersCpuSeconds: number;
}

export interface Meter<Name extends string> {
  stop(): Promise<Measurement<Name>>;
}

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** Of the process and, where the system tells, of its children that have ended. */
  readonly cpuSeconds: number;
  readonly privateBytes: number;
  readonly sharedBytes: number;
}

const sampleMs = 200;
const onLinux = process.platform === 'linux';
/** USER_HZ: what the kernel shows to programs has had this unit on every architecture for twenty years. */
const ticksPerSecond = 100;
const pageBytes = 4096;

/** Begins to measure the trees below these processes: CPU seconds from now on, and the largest memory seen. */
export async function startMeter<Name extends string>(
  roots: Readonly<Record<Name, number>>,
): Promise<Meter<Name>> {
  const names = Object.keys(roots) as Name[];
  const trees = new Map(names.map((name) => [name, new Tree(roots[name])]));
  let running = true;
  let wake = () => {};

  async function sample(): Promise<void> {
    const rows = await processRows();
    for (const tree of trees.values()) tree.see(rows);
  }

  async function keepSampling(): Promise<void> {
    while (running) {
      await sample();
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, sampleMs).unref();
      });
    }
  }

  for (const tree of trees.values()) tree.forgetPeak();
  await sample();
  const before = busySeconds() - ownSeconds();
  const sampling = keepSampling();
  return {
    async stop() {
      running = false;
      wake();
      await sampling;
      await sample();
      const usages = names.map(
        (name) => [name, trees.get(name)?.usage() ?? { cpuSeconds: 0, peakRssMb: 0 }] as const,
      );
      const measured = usages.reduce((sum, [, { cpuSeconds }]) => sum + cpuSeconds, 0);
      const othersCpuSeconds = Math.max(0, busySeconds() - ownSeconds() - before - measured);
      return { usage: Object.fromEntries(usages) as Record<Name, Usage>, othersCpuSeconds };
    },
  };
}

/** What all processors of the machine have worked since it started. */
function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}

function ownSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

class Tree {
  readonly #root: number;
  /** What each process had used when it was first seen, and when last. */
  readonly #cpu = new Map<number, { first: number; last: number }>();
  #peakBytes = 0;
  #isFirst = true;

  constructor(root: number) {
    this.#root = root;
  }

  see(rows: readonly ProcessRow[]): void {
    const members = familyOf(this.#root, rows);
    for (const { pid, cpuSeconds } of members) {
      const known = this.#cpu.get(pid);
      // On Linux the time of a child that ends is its parent's; a child seen later began after the start.
      if (known === undefined)
        this.#cpu.set(pid, { first: this.#isFirst ? cpuSeconds : 0, last: cpuSeconds });
      else known.last = cpuSeconds;
    }
    if (onLinux) this.#dropEnded(members);
    this.#isFirst = false;
    const bytes =
      members.reduce((sum, row) => sum + row.privateBytes, 0) +
      Math.max(0, ...members.map((row) => row.sharedBytes));
    this.#peakBytes = Math.max(this.#peakBytes, bytes, members.length === 1 ? highWaterBytes(this.#root) : 0);
  }

  /** What an ended child had used before the start is in its parent's time from now on. */
  #dropEnded(members: readonly ProcessRow[]): void {
    const alive = new Set(members.map(({ pid }) => pid));
    const root = this.#cpu.get(this.#root);
    for (const [pid, { first }] of this.#cpu) {
      if (alive.has(pid) || pid === this.#root) continue;
      this.#cpu.delete(pid);
      if (root !== undefined) root.first += first;
    }
  }

  /** Lets the kernel begin its high-water mark anew; where that is not allowed, the samples tell. */
  forgetPeak(): void {
    if (!onLinux) return;
    try {
      writeFileSync(`/proc/${this.#root}/clear_refs`, '5');
    } catch {
      // another user's process
    }
  }

  usage(): Usage {
    const cpuSeconds = [...this.#cpu.values()].reduce((sum, { first, last }) => sum + last - first, 0);
    return { cpuSeconds, peakRssMb: this.#peakBytes / 1e6 };
  }
}

/** Memory peaks are shorter than the time between two samples; the kernel notes them all. */
function highWaterBytes(pid: number): number {
  if (!onLinux) return 0;
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function familyOf(root: number, rows: readonly ProcessRow[]): ProcessRow[] {
  const members = new Set([root]);
  for (let before = 0; before < members.size; ) {
    before = members.size;
    for (const { pid, parent } of rows) if (members.has(parent)) members.add(pid);
  }
  return rows.filter(({ pid }) => members.has(pid));
}

async function processRows(): Promise<ProcessRow[]> {
  if (!onLinux) return rowsFromPs();
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => rowFromProc(Number(name)) ?? []);
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function rowFromProc(pid: number): ProcessRow | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const statm = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number);
    const [resident = 0, shared = 0] = [statm[1], statm[2]];
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + field, 0);
    return {
      pid,
      parent: fields[1] ?? 0,
      cpuSeconds: ticks / ticksPerSecond,
      privateBytes: (resident - shared) * pageBytes,
      sharedBytes: shared * pageBytes,
    };
  } catch {
    return null; // it has just ended
  }
}

/** Without shared memory told apart: a tree's sum is then too high. */
async function rowsFromPs(): Promise<ProcessRow[]> {
  const { stdout } = await runCommand('ps', ['-A', '-o', 'pid=,ppid=,rss=,time=']);
  return stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [pid = '', parent = '', kilobytes = '', time = ''] = line.trim().split(/\s+/);
      return {
        pid: Number(pid),
        parent: Number(parent),
        cpuSeconds: secondsOf(time),
        privateBytes: Number(kilobytes) * 1024,
        sharedBytes: 0,
      };
    });
}

/** `[[dd-]hh:]mm:ss[.cc]` */
function secondsOf(time: string): number {
  const [days, clock] = time.includes('-') ? time.split('-') : ['0', time];
  const seconds = (clock ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return Number(days) * 86_400 + seconds;
}
