import { definePipeline, type Step } from '../domain/plan.js';
import { acknowledging } from './acknowledge.js';
import { rawTable } from './resilient-elt-pipeline.js';

/** What of baton.yaml's `pipelines.ingest_pipeline` the plan depends on. */
export interface IngestSettings {
  readonly sources: readonly { readonly connection: string; readonly streams: readonly string[] }[];
  readonly initialValue: string | null;
  readonly lagMs: number | null;
  readonly retries: number;
  readonly retryDelayMs: number;
}

/**
 * Any streams of any connections, side by side, each into a table of its own in the schema `raw`. One that fails
 * leaves the others alone: the run has failed, and is tried again where it stopped.
 */
export const ingestPipeline = definePipeline<IngestSettings>({
  id: 'ingest_pipeline',
  aliases: ['ingest'],
  description: 'The streams that its settings name, each into a table of its own in the schema raw.',
  compile(settings, offers) {
    const wanted = settings.sources.flatMap(({ connection, streams }) =>
      streams.map((stream) => ({ connection, stream, table: rawTable(connection, stream) })),
    );
    const steps = wanted.flatMap(({ connection, stream, table }): Step[] => {
      const name = table.slice('raw.'.length);
      const from = `extract_${name}`;
      return [
        {
          id: from,
          kind: 'extract',
          title: `extract ${connection} ${stream.replaceAll('_', ' ')}`,
          dependsOn: [],
          connection,
          stream,
          target: { table, staging: table.replace('.', '_') },
          watermark: `${stream}@${table}`,
          retry: { retries: settings.retries, delayMs: settings.retryDelayMs, maxDelayMs: 600_000 },
          initialValue: settings.initialValue,
          lagMs: settings.lagMs,
          parameters: {},
        },
        { id: `load_${name}`, kind: 'load', title: `merge ${table}`, dependsOn: [], from },
        ...acknowledging(offers, { id: from, connection, stream }, `load_${name}`),
      ];
    });
    return {
      pipeline: 'ingest_pipeline',
      description: this.description,
      receiptStep: steps[0]?.id ?? '',
      concurrency: 1,
      steps,
    };
  },
});
