import { type Connector, streamsOf } from '../connectors/port.js';
import { closest } from './closest.js';
import { ownSettings } from './connection.js';
import type { Tree } from './document.js';
import type { IssueProblem } from './issues.js';

type Connectors = Readonly<Record<string, Connector>>;

/** Streams that `pipelines.ingest_pipeline.sources` names and that their connections do not have. */
export function streamIssues(tree: Tree, connectors: Connectors): readonly IssueProblem[] {
  const connections = asTree(tree['connections']);
  const { sources } = asTree(asTree(tree['pipelines'])['ingest_pipeline']);
  if (!Array.isArray(sources)) return [];
  return sources.flatMap((source, index): readonly IssueProblem[] => {
    const { connection, streams } = asTree(source);
    const offered = offeredBy(asTree(connections[String(connection)]), connectors);
    if (offered === null || !Array.isArray(streams)) return [];
    return streams.flatMap((stream, at): readonly IssueProblem[] => {
      if (typeof stream !== 'string' || offered.includes(stream)) return [];
      const path = ['pipelines', 'ingest_pipeline', 'sources', index, 'streams', at];
      const message = `names no stream of ${String(connection)}${hint(stream, offered)}`;
      return [{ path, message, about: 'value' }];
    });
  });
}

/** The names of its streams; null where its settings are not right yet, which is said elsewhere. */
function offeredBy(connection: Tree, connectors: Connectors): readonly string[] | null {
  const connector = connectors[String(connection['type'])];
  if (connector === undefined) return null;
  const settings = ownSettings(connection, connector.connection);
  const { success } = connector.connection.safeParse(settings);
  return success ? Object.keys(streamsOf(connector, settings)) : null;
}

function hint(given: string, names: readonly string[]): string {
  const near = closest(given, names);
  if (near !== null) return `; did you mean "${near}"?`;
  return names.length === 0 ? '; it has none' : `; there are ${names.join(', ')}`;
}

function asTree(value: unknown): Tree {
  return value !== null && typeof value === 'object' ? (value as Tree) : {};
}
