import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Connector } from '../connectors/port.js';
import type { Logger } from '../observability/logger.js';
import { BatonError } from '../protocol/errors.js';
import { type EncodedLines, type Encoder, encodeLines } from '../warehouse/encode.js';

/** The way to the thread and back costs more than so few lines do. */
const fewLines = 64;
/** A thread that needs more than this is ended, and not the process with it. */
const threadMb = 256;

export interface EncoderOptions {
  readonly connectors: Readonly<Record<string, Connector>>;
  readonly log: Logger;
  /** What runs in the thread: it serves the same connectors with `serveEncoding`. */
  readonly program?: string;
}

/** What the thread answers. */
export type EncodeAnswer =
  | { readonly id: number; readonly encoded: EncodedLines }
  | { readonly id: number; readonly failure: string };

interface Waiting {
  readonly resolve: (encoded: EncodedLines) => void;
  readonly reject: (error: BatonError) => void;
}

/**
 * Encodes in a thread of its own, so that parsing keeps this one from no request, heartbeat or poll. The thread
 * begins with the first block that is worth it. When it ends, whoever waits for it fails and the next block begins
 * another. It is given lines and gives back rows: it has no connection, no file, no secret.
 */
export function createEncoder(options: EncoderOptions): Encoder {
  const program = options.program ?? fileURLToPath(new URL('./encode-thread.js', import.meta.url));
  const waiting = new Map<number, Waiting>();
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
    if ('encoded' in answer) asker?.resolve(answer.encoded);
    else asker?.reject(defect(answer.failure));
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
      const lines = new Uint8Array(job.lines);
      jobs += 1;
      const id = jobs;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, job: { ...job, lines } }, [lines.buffer]);
      });
    },
    async close() {
      const closing = thread;
      refuseAll('was closed');
      await closing?.terminate();
    },
  };
}

function defect(detail: string): BatonError {
  return new BatonError('ERR_INTERNAL', { detail });
}
