import type { ConsumerName } from '../../domain/event.js';
import type { Consumer } from '../consumer.js';
import { run } from './run.js';

/** Every consumer, by the name that rules give under `do`. */
export const consumers: Readonly<Record<ConsumerName, Consumer>> = { run };
