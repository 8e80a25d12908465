import { type LoggerOptions, type Logger as Pino, pino } from 'pino';
import { redact } from '../domain/secret.js';

export type Logger = Pino;

/** JSON, one line an event. Every string passes redaction, so that no secret that this process knows gets out. */
export function createLogger(name: string, level = 'info', to: 'stdout' | 'stderr' = 'stdout'): Logger {
  const options: LoggerOptions = {
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    base: { name, pid: process.pid },
    formatters: { level: (label) => ({ level: label }) },
    hooks: {
      streamWrite: (line) => redact(line),
    },
  };
  return pino(options, pino.destination({ dest: to === 'stdout' ? 1 : 2, sync: true }));
}
