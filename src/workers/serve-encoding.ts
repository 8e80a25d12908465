import { parentPort } from 'node:worker_threads';
import type { Connector } from '../connectors/port.js';
import { encodeLines } from '../warehouse/encode.js';
import type { EncodeAnswer, EncodeRequest } from './encoder.js';

/** Serves, in a thread, the blocks that `createEncoder` sends; of a connector it uses the mappers only. */
export function serveEncoding(connectors: Readonly<Record<string, Connector>>): void {
  parentPort?.on('message', ({ id, job, room }: EncodeRequest) => {
    const answer = (message: EncodeAnswer, moved: ArrayBuffer[] = []) =>
      parentPort?.postMessage(message, moved);
    try {
      const stream = connectors[job.connector]?.streams[job.stream];
      if (stream === undefined) throw new Error(`There is no stream ${job.connector}.${job.stream}.`);
      const encoded = encodeLines(stream, job, room);
      const lines = job.lines.buffer as ArrayBuffer;
      answer({ id, encoded, lines }, [encoded.text.buffer as ArrayBuffer, lines]);
    } catch (error) {
      // A mapper never throws: this is a defect, told without words that may quote a record.
      answer({ id, failure: placeOf(error) });
    }
  });
}

function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const frame = error.stack?.split('\n').find((line) => /^\s+at /.test(line));
  return `${error.name}${frame === undefined ? '' : ` ${frame.trim()}`}`;
}
