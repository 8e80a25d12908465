import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Connector } from '../connectors/port.js';
import type { Logger } from '../observability/logger.js';
import { BatonError } from '../protocol/errors.js';
import { type EncodedLines, type EncodeJob, type Encoder, encodeLines } from '../warehouse/encode.js';

/** The way to the thread and back costs more than so few lines do. */
const fewLines = 64;
/** So many pieces of memory are kept for the next lines, and as many for the next texts. */
const mostSpare = 4;
/** A thread that needs more than this is ended, and not the process with it. */
const threadMb = 256;

export interface EncoderOptions {
  readonly connectors: Readonly<Record<string, Connector>>;
  readonly log: Logger;
  /** What runs in the thread: it serves the same connectors with `serveEncoding`. */
  readonly program?: string;
}

/** What the thread is asked: the lines are in memory that moves over, the text may be written into `room`. */
export interface EncodeRequest {
  readonly id: number;
  readonly job: EncodeJob;
  readonly room?: ArrayBuffer | undefined;
}

/** What the thread answers; the lines' memory comes back. */
export type EncodeAnswer =
  | { readonly id: number; readonly encoded: EncodedLines; readonly lines: ArrayBuffer }
  | { readonly id: number; readonly failure: string };

interface Waiting {
  readonly resolve: (encoded: EncodedLines) => void;
  readonly reject: (error: BatonError) => void;
}

/**
 * Encodes in a thread of its own, so that parsing keeps this one from no request, heartbeat or poll. The thread
 * begins with the first block that is worth it. When it ends, whoever waits for it fails and the next block begins
 * another. It is given lines and gives back rows: it has no connection, no file, no secret. Memory goes over and
 * comes back: what is made anew for each block is collected with the whole heap, which costs more than the mapping.
 */
export function createEncoder(options: EncoderOptions): Encoder {
  const program = options.program ?? fileURLToPath(new URL('./encode-thread.js', import.meta.url));
  const waiting = new Map<number, Waiting>();
  const spareLines: ArrayBuffer[] = [];
  const spareTexts: ArrayBuffer[] = [];
  let thread: Worker | null = null;
  let jobs = 0;

  function begin(): Worker {
    const begun = new Worker(program, {
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: threadMb },
    });
    begun.unref();
    begun.on('message', (answer: EncodeAnswer) => settle(answer));
    begun.on('error', (error: NodeJS.ErrnoException) => end(begun, `failed: ${error.code ?? error.name}`));
    begun.on('exit', (code) => end(begun, `ended with exit code ${code}`));
    return begun;
  }

  function settle(answer: EncodeAnswer): void {
    const asker = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('encoded' in answer) {
      keep(spareLines, answer.lines);
      asker?.resolve(answer.encoded);
    } else asker?.reject(defect(answer.failure));
  }

  function end(ended: Worker, how: string): void {
    if (thread !== ended) return;
    options.log.error({ waiting: waiting.size }, `the encoding thread ${how}`);
    refuseAll(how);
  }

  function refuseAll(how: string): void {
    thread = null;
    for (const { reject } of waiting.values()) reject(defect(`The encoding thread ${how}.`));
    waiting.clear();
  }

  return {
    async encode(stream, job) {
      // The thread knows what the registry knows, not what a connection's settings declare.
      const isShared = options.connectors[job.connector]?.streams[job.stream] !== undefined;
      if (job.count < fewLines || !isShared) return encodeLines(stream, job);
      thread ??= begin();
      const worker = thread;
      // A copy of the lines goes over, theirs stay here: a server that refuses a row makes us look at it again.
      const lines = new Uint8Array(memoryFor(spareLines, job.lines.length), 0, job.lines.length);
      lines.set(job.lines);
      const room = spareTexts.pop();
      jobs += 1;
      const request: EncodeRequest = { id: jobs, job: { ...job, lines }, room };
      return new Promise((resolve, reject) => {
        waiting.set(request.id, { resolve, reject });
        worker.postMessage(request, [lines.buffer, ...(room === undefined ? [] : [room])]);
      });
    },
    release({ text }) {
      keep(spareTexts, text.buffer as ArrayBuffer);
    },
    async close() {
      const closing = thread;
      refuseAll('was closed');
      await closing?.terminate();
    },
  };
}

/** The next spare piece, or a new one where that is too small. */
function memoryFor(spare: ArrayBuffer[], bytes: number): ArrayBuffer {
  const found = spare.pop();
  return found !== undefined && found.byteLength >= bytes ? found : new ArrayBuffer(bytes);
}

function keep(spare: ArrayBuffer[], memory: ArrayBuffer): void {
  if (spare.length < mostSpare) spare.push(memory);
}

function defect(detail: string): BatonError {
  return new BatonError('ERR_INTERNAL', { detail });
}
