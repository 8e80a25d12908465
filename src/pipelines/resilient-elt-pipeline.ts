import { definePipeline, type ExtractStep } from '../domain/plan.js';
import { type ContractSettings, targetContract } from '../domain/shape.js';
import { tablePrefix } from './table-prefix.js';

/** What of baton.yaml's `pipelines.resilient_elt_pipeline` the plan depends on. */
export interface EltPipelineSettings {
  readonly source: string;
  readonly desk: string;
  readonly layouts: { readonly purchase_orders: string; readonly helpdesk_tickets: string };
  readonly tables?: {
    readonly purchase_orders: { readonly schemaContract: ContractSettings };
    readonly helpdesk_tickets: { readonly schemaContract: ContractSettings };
  };
  readonly initialValue: string | null;
  readonly lagMs: number | null;
  readonly retries: number;
  readonly retryDelayMs: number;
}

/**
 * Purchase orders and helpdesk tickets, extracted side by side and landed as received. A run ends there: one loader
 * per table takes each closed batch from the lake into the schema `raw` within seconds, so that neither the other
 * stream, nor the warehouse, nor what is made of the tables holds up anybody.
 */
export const resilientEltPipeline = definePipeline<EltPipelineSettings>({
  id: 'resilient_elt_pipeline',
  aliases: ['resilient_elt'],
  description: 'Purchase orders and helpdesk tickets into the lake, and from there into the schema raw.',
  compile(settings) {
    const extract = (
      id: keyof EltPipelineSettings['layouts'],
      connection: string,
      stream: string,
      layout: string,
    ): ExtractStep => {
      const table = rawTable(connection, stream);
      return {
        id: `extract_${id}`,
        kind: 'extract',
        title: `land ${connection} ${stream.replaceAll('_', ' ')}`,
        dependsOn: [],
        connection,
        stream,
        target: {
          table,
          staging: table.replace('.', '_'),
          ...targetContract(settings.tables?.[id].schemaContract),
        },
        landing: { layout, watermark: `${stream}@${table}` },
        retry: { retries: settings.retries, delayMs: settings.retryDelayMs, maxDelayMs: 600_000 },
        initialValue: settings.initialValue,
        lagMs: settings.lagMs,
        parameters: {},
      };
    };
    const { source, desk, layouts } = settings;
    return {
      pipeline: 'resilient_elt_pipeline',
      description: this.description,
      receiptStep: 'extract_purchase_orders',
      concurrency: 1,
      steps: [
        extract('purchase_orders', source, 'purchase_orders', layouts.purchase_orders),
        extract('helpdesk_tickets', desk, 'tickets', layouts.helpdesk_tickets),
      ],
    };
  },
});

/** Where a stream is loaded as it is: `raw.coupa_purchase_orders`. */
export function rawTable(connection: string, stream: string): `raw.${string}` {
  return `raw.${tablePrefix(connection)}_${stream}`;
}
