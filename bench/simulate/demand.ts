import { type Assumed, measured } from './figures.js';

const day = 86_400;

/** A part that all tenants share: what a run asks of it, and what it can give. */
export interface Part {
  readonly name: 'temporal' | 'workers' | 'warehouse';
  /** Seconds of one server that a run takes. */
  readonly secondsPerRun: number;
  readonly servers: number;
}

/** What the demand comes to, by arithmetic alone. */
export function demandOf(assumed: Assumed) {
  const runs = assumed.tenants * assumed.runsPerDay;
  const runsPerSecond = runs / day;
  const ordersPerRun = assumed.ordersPerDay / runs;
  const callsPerRun = Math.max(1, Math.ceil(ordersPerRun / assumed.pageSize));
  const worker = measured.workerPerRun + ordersPerRun * measured.workerPerOrder;
  const warehouse = measured.warehousePerRun + ordersPerRun * measured.warehousePerOrder;
  const processors = (seconds: number) => Math.ceil((runsPerSecond * seconds) / assumed.headroom);
  const objects = runs * measured.streamsPerRun * assumed.objectsPerStream;
  const parts: readonly Part[] = [
    { name: 'temporal', secondsPerRun: measured.actionsPerRun / assumed.actionsPerSecond, servers: 1 },
    { name: 'workers', secondsPerRun: worker, servers: processors(worker) },
    { name: 'warehouse', secondsPerRun: warehouse, servers: processors(warehouse) },
  ];
  return {
    runs,
    runsPerSecond,
    ordersPerRun,
    actionsPerDay: runs * measured.actionsPerRun,
    actionsPerSecond: runsPerSecond * measured.actionsPerRun,
    historyGbPerDay: (runs * measured.historyBytesPerRun) / 1e9,
    historyGbKept: (runs * measured.historyBytesPerRun * assumed.retentionDays) / 1e9,
    temporalProcessors: runsPerSecond * measured.temporalPerRun,
    objectsPerDay: objects,
    lakeTbPerDay: (assumed.ordersPerDay * measured.bytesPerOrder * assumed.lakeRatio) / 1e12,
    warehouseTbPerDay: (assumed.ordersPerDay * measured.bytesPerOrder) / 1e12,
    callsPerDay: callsPerRun * runs,
    callsPerRun,
    vendorSecondsPerRun: callsPerRun / assumed.vendorPerSecond,
    /** A tenant's year, read again as fast as its vendor allows. */
    backfillHoursPerYear:
      ((assumed.ordersPerDay / assumed.tenants) * 365) / assumed.pageSize / assumed.vendorPerSecond / 3_600,
    parts,
  };
}

export type Demand = ReturnType<typeof demandOf>;

/** US dollars for a million orders; storage for one month. */
export function costOf(assumed: Assumed, demand: Demand) {
  const share = 1e6 / assumed.ordersPerDay;
  const gigabytes = (1e6 * measured.bytesPerOrder) / 1e9;
  const secondsOf = (name: Part['name']) =>
    (demand.parts.find((part) => part.name === name)?.secondsPerRun ?? 0) * demand.runs * share;
  return {
    actions: (demand.actionsPerDay * share * assumed.pricePerMillionActions) / 1e6,
    lakePuts: (demand.objectsPerDay * share * assumed.pricePerThousandPuts) / 1e3,
    lakeMonth: gigabytes * assumed.lakeRatio * assumed.pricePerLakeGbMonth,
    workers: (secondsOf('workers') * assumed.pricePerProcessorHour) / 3_600 / assumed.headroom,
    warehouse: (secondsOf('warehouse') * assumed.pricePerProcessorHour) / 3_600 / assumed.headroom,
    warehouseMonth: gigabytes * assumed.pricePerWarehouseGbMonth,
  };
}
