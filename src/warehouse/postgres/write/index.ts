import { type StrategyName, strategyOf } from '../../../domain/write.js';
import type { TableSpec } from '../../port.js';
import { append } from './append.js';
import { deleteInsert } from './delete-insert.js';
import { replace } from './replace.js';
import { scd2 } from './scd2.js';
import type { WriteStrategy } from './strategy.js';
import { upsert } from './upsert.js';

/** Every way to write: one line each. What may be expected of their tables stands in domain/write.ts. */
const strategies: Readonly<Record<StrategyName, WriteStrategy>> = {
  append,
  replace,
  upsert,
  'delete-insert': deleteInsert,
  scd2,
};

export function strategyFor(spec: TableSpec): WriteStrategy {
  return strategies[strategyOf(spec.write)];
}
