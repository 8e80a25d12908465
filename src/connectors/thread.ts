import type { Message } from './port.js';

/** Whether a message answers another one to say that what it told of is over. */
export function endsThread({ thread, severity, acknowledges }: Message): boolean {
  return thread !== undefined && severity === 'info' && acknowledges !== true;
}
