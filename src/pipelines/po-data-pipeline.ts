import { definePipeline, type ExtractStep, type LoadStep, type Step } from '../domain/plan.js';
import { type ContractSettings, targetContract } from '../domain/shape.js';
import { defaultWrite, strategyOf, type WriteSettings, writeOf } from '../domain/write.js';
import { acknowledging } from './acknowledge.js';
import { tablePrefix } from './table-prefix.js';

/** What of baton.yaml's `pipelines.po_data_pipeline` the plan depends on. */
export interface OrderPipelineSettings {
  readonly source: string;
  readonly customers: string;
  readonly rates: string;
  readonly desk: string;
  readonly initialValue: string | null;
  readonly lagMs: number | null;
  readonly reportingCurrency: string;
  readonly threshold: string;
  readonly tolerance: { readonly absolute: string; readonly relative: string };
  readonly customerField: string;
  readonly highPriority: { readonly field: string; readonly value: string };
  /** How each table is loaded; absent = merge by upsert. */
  readonly tables?: Readonly<Partial<Record<OrderTable, TableSettings>>> & {
    readonly orders?: Pick<TableSettings, 'schemaContract'>;
  };
  readonly summaryAfter: number;
  readonly reopenWithinMs: number;
  readonly openAfter: number;
  readonly retries: number;
  readonly retryDelayMs: number;
}

interface TableSettings {
  readonly write: WriteSettings;
  readonly schemaContract?: ContractSettings;
}

type OrderTable = 'totals' | 'suppliers' | 'invoices' | 'customers' | 'rates';

/** The base that the European Central Bank quotes against: everything else would be a cross rate already. */
const quotedBase = 'EUR';
/** Rates are read from this many days before the oldest order of the batch: the day before may be a holiday. */
const rateMarginDays = 10;

/**
 * Purchase orders from procurement to the warehouse: landed, validated, enriched with supplier and customer,
 * converted, checked, merged into `analytics.po_fact` and `po_line_fact`; discrepancies become tickets.
 */
export const poDataPipeline = definePipeline<OrderPipelineSettings>({
  id: 'po_data_pipeline',
  aliases: ['daily_po_analytics'],
  description:
    'Purchase orders, checked and reconciled, into analytics.po_fact; a ticket for each discrepancy.',
  compile(settings, offers) {
    const retry = { retries: settings.retries, delayMs: settings.retryDelayMs, maxDelayMs: 600_000 };
    const prefix = tablePrefix(settings.source);
    const suppliers = `raw.${prefix}_suppliers` as const;
    const invoices = `raw.${prefix}_invoices` as const;
    const totals = `raw.${prefix}_purchase_order_totals` as const;
    const customers = `raw.${tablePrefix(settings.customers)}_accounts` as const;
    const rates = `raw.${tablePrefix(settings.rates)}_fx` as const;

    /** What the settings say of a table; nothing where it is the default, so that the plan stays what it was. */
    const shape = (id: OrderTable): Pick<ExtractStep['target'], 'write' | 'contract'> => {
      const table = settings.tables?.[id];
      const write = writeOf(table?.write ?? defaultWrite);
      const contract = targetContract(table?.schemaContract);
      return strategyOf(write) === 'upsert' ? contract : { write, ...contract };
    };

    const extract = (
      id: OrderTable | 'orders',
      connection: string,
      stream: string,
      table: ExtractStep['target']['table'],
      more: Partial<ExtractStep> = {},
    ): ExtractStep => ({
      id: `extract_${id}`,
      kind: 'extract',
      title: `extract ${connection} ${stream.replaceAll('_', ' ')}`,
      dependsOn: [],
      connection,
      stream,
      target: { table, staging: table.replace('.', '_'), ...(id === 'orders' ? {} : shape(id)) },
      retry,
      initialValue: settings.initialValue,
      lagMs: settings.lagMs,
      parameters: {},
      ...more,
    });
    const load = (id: string, table: string, dependsOn: readonly string[] = []): LoadStep => ({
      id: `load_${id}`,
      kind: 'load',
      title: `merge ${table}`,
      dependsOn,
      from: `extract_${id}`,
    });

    // What orders are checked against: not every source has all of it.
    const has = (stream: string): boolean => offers(settings.source, stream) !== undefined;
    const beside = (
      [
        ['totals', 'purchase_order_totals', totals],
        ['suppliers', 'suppliers', suppliers],
        ['invoices', 'invoices', invoices],
      ] as const
    ).filter(([, stream]) => has(stream));
    const checkedTables = Object.fromEntries(beside.map(([id, , table]) => [id, table]));

    const source = (id: string, stream: string) => ({
      id: `extract_${id}`,
      connection: settings.source,
      stream,
    });

    const steps: Step[] = [
      extract('orders', settings.source, 'purchase_orders', 'analytics.po_fact', {
        parameters: { customerField: settings.customerField },
        target: {
          table: 'analytics.po_fact',
          staging: 'po_temp',
          ...targetContract(settings.tables?.orders?.schemaContract),
          orders: {
            ...(has('suppliers') ? { suppliers } : {}),
            rates,
            reportingCurrency: settings.reportingCurrency,
          },
        },
      }),
      ...beside.map(([id, stream, table]) => extract(id, settings.source, stream, table)),
      extract('customers', settings.customers, 'accounts', customers, {
        parameters: { priorityField: settings.highPriority.field },
      }),
      extract('rates', settings.rates, 'rates', rates, {
        title: 'extract exchange rates',
        dependsOn: ['extract_orders'],
        parameters: { base: quotedBase },
        target: { table: rates, staging: rates.replace('.', '_'), indexes: ['rate_date'], ...shape('rates') },
        range: { step: 'extract_orders', column: 'created_at', marginDays: rateMarginDays },
      }),
      ...beside.map(([id, , table]) => load(id, table)),
      load('customers', customers),
      load('rates', rates),
      load('orders', 'analytics.po_fact', [...(has('suppliers') ? ['load_suppliers'] : []), 'load_rates']),
      ...acknowledging(offers, source('orders', 'purchase_orders'), 'load_orders'),
      ...beside.flatMap(([id, stream]) => acknowledging(offers, source(id, stream), `load_${id}`)),
      {
        id: 'reconcile',
        kind: 'reconcile',
        title: 'reconcile orders, invoices, suppliers, customers',
        dependsOn: [
          'load_orders',
          ...beside.flatMap(([id]) => (id === 'suppliers' ? [] : [`load_${id}`])),
          'load_customers',
        ],
        source: settings.source,
        tables: { ...checkedTables, customers },
        reportingCurrency: settings.reportingCurrency,
        threshold: settings.threshold,
        tolerance: settings.tolerance,
        highPriority: settings.highPriority.value,
      },
      {
        id: 'tickets',
        kind: 'tickets',
        title: `tickets at ${settings.desk}`,
        dependsOn: ['reconcile'],
        connection: settings.desk,
        source: settings.source,
        summaryAfter: settings.summaryAfter,
        reopenWithinMs: settings.reopenWithinMs,
        openAfter: settings.openAfter,
        reportingCurrency: settings.reportingCurrency,
      },
    ];
    return {
      pipeline: 'po_data_pipeline',
      description: this.description,
      receiptStep: 'extract_orders',
      concurrency: 1,
      steps,
    };
  },
});
