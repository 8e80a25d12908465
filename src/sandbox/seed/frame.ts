/** The fixed frame that every seeded record hangs in. */
export const dayMs = 86_400_000;
/** The end of the seeded time, exclusive. */
export const anchorMs = Date.UTC(2026, 5, 15);
/** The seeded time begins here. */
export const fromMs = anchorMs - 14 * dayMs;
/** A bulk edit touched many orders in this one second, so a page border can fall between equal times. */
export const bulkEditMs = Date.UTC(2026, 5, 10, 3);

export const orderIdBase = 100_001;
/** Orders, suppliers and invoices that come after the seed have ids from here on, whatever the seed's size. */
export const laterIdBase = 5_000_001;
export const invoiceIdBase = 700_001;
export const supplierIdBase = 1_001;
export const supplierCount = 200;
export const unknownSupplierBase = 9_001;
export const accountCount = 150;
/** The first accounts have high priority; ordinary orders never name them. */
export const highPriorityAccounts = 4;

/** Keys of the seeded draws: one independent stream each. */
export const streams = {
  header: 1,
  body: 2,
  supplier: 3,
  account: 4,
  contact: 5,
  invoice: 6,
  live: 7,
  rate: 8,
  fault: 9,
  case: 10,
} as const;
