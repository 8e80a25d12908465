import { randomUUID } from 'node:crypto';
import type { Connection } from '@temporalio/client';
import { searchAttributes } from '../../src/protocol/names.js';

/** Numbers of temporal.api.enums.v1.IndexedValueType. */
const keyword = 2;
const datetime = 6;

/** A namespace of our own on the shared dev server, so that no other test's worker takes our runs. */
export async function createNamespace(connection: Connection): Promise<string> {
  const namespace = `t-${randomUUID().slice(0, 8)}`;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  await registerSearchAttributes(connection, namespace);
  await eventually(async () => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const known = new Set(Object.keys(customAttributes ?? {}));
    if (!Object.values(searchAttributes).every((name) => known.has(name))) throw new Error('not yet');
  });
  return namespace;
}

/** Makes the server know Baton's search attributes, as the local stack's server does from its start. */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const types = Object.fromEntries(
    Object.values(searchAttributes).map((name) => [
      name,
      name === searchAttributes.logicalTime ? datetime : keyword,
    ]),
  );
  await eventually(() =>
    connection.operatorService.addSearchAttributes({ namespace, searchAttributes: types }),
  );
}

/** Tries until it works; the last error after `withinMs`. */
export async function eventually<T>(attempt: () => Promise<T>, withinMs = 30_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
