/** What the benches of this repository measured; docs/explanation/scale.md says where and with which command. */
export const measured = {
  /** Of a run with three streams: `npm run bench -- tenants`. */
  actionsPerRun: 7,
  historyBytesPerRun: 11_800,
  streamsPerRun: 3,
  /** Processor seconds of a run, whatever it reads: `npm run bench -- tenants`. */
  workerPerRun: 0.145,
  warehousePerRun: 0.079,
  temporalPerRun: 0.079,
  /** Processor seconds of an order on the first load, in pages of 50: `npm run bench -- extract-load --page 50`. */
  workerPerOrder: 117e-6,
  warehousePerOrder: 94e-6,
  bytesPerOrder: 1_743,
} as const;

/** What is wanted, and what the outside allows: assumptions, each an option of the command. */
export const assumed = {
  tenants: 10_000,
  ordersPerDay: 1_000_000_000,
  /** Of each tenant. */
  runsPerDay: 24,
  /** Coupa gives 50 at most. */
  pageSize: 50,
  /** Requests a second that the vendor grants each tenant. */
  vendorPerSecond: 10,
  /** Of a namespace by default: Temporal Cloud documentation, “System limits”. */
  actionsPerSecond: 500,
  /** A part, a manifest and a note of the load for each stream of a run. */
  objectsPerStream: 3,
  retentionDays: 30,
  /** Share of its processors that a part may use on average. */
  headroom: 0.7,
  /** Landed bytes for each byte that the vendor sent. */
  lakeRatio: 0.2,
  /** US dollars. None of them is measured, none is promised. */
  pricePerMillionActions: 50,
  pricePerThousandPuts: 0.005,
  pricePerLakeGbMonth: 0.023,
  pricePerProcessorHour: 0.05,
  pricePerWarehouseGbMonth: 0.1,
} as const;

export type Assumed = { -readonly [Name in keyof typeof assumed]: number };
