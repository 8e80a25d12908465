import Big from 'big.js';

/**
 * What the warehouse should hold, worked out from the vendors' own answers and nothing of the pipeline: plain
 * fetches, a plain walk over the records, the documents' words on what counts.
 */
export interface ExpectedOrder {
  readonly po_number: string;
  readonly status: string;
  readonly currency: string;
  readonly total: string;
  readonly total_usd: string | null;
  readonly fx_date: string | null;
  readonly line_count: number;
  readonly supplier_id: string | null;
  readonly customer_account_id: string | null;
}

type Json = Record<string, unknown>;

interface Account {
  readonly Id: string;
  readonly Priority__c: string | null;
}

export async function readOrders(base: string, secret: string) {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'baton-demo',
    client_secret: secret,
    scope: 'core.purchase_order.read core.supplier.read core.invoice.read core.common.read',
  });
  const token = (await (
    await fetch(`${base}/coupa/oauth2/token`, { method: 'POST', body: form })
  ).json()) as Json;
  const headers = { authorization: `Bearer ${token['access_token']}`, accept: 'application/json' };
  async function all(resource: string, extra = ''): Promise<Json[]> {
    const records: Json[] = [];
    for (let offset = 0; ; offset += 50) {
      const answer = await fetch(`${base}/coupa/api/${resource}?limit=50&offset=${offset}${extra}`, {
        headers,
      });
      const page = (await answer.json()) as Json[];
      records.push(...page);
      if (page.length < 50) return records;
    }
  }
  const fields = encodeURIComponent('["id","updated-at","total"]');
  return {
    orders: await all('purchase_orders'),
    totals: await all('purchase_orders', `&fields=${fields}`),
    suppliers: await all('suppliers'),
    invoices: await all('invoices'),
  };
}

const rates = new Map<string, Promise<{ date: string; rates: Record<string, number> }>>();

/** The service itself answers a closed day with the business day before it, and names that day. */
function ratesOn(base: string, day: string) {
  const known = rates.get(day) ?? fetch(`${base}/rates/v1/${day}`).then((answer) => answer.json() as never);
  rates.set(day, known);
  return known;
}

/** ISO 4217: the amounts in the seed's reporting currency have two decimals. */
export async function expectOrder(base: string, order: Json): Promise<ExpectedOrder> {
  const lines = order['order-lines'] as Json[];
  const total = lines.reduce((sum, line) => sum.plus(String(line['total'])), new Big(0));
  const currency = (order['currency'] as Json)['code'] as string;
  const day = new Date(order['created-at'] as string).toISOString().slice(0, 10);
  const quoted = await ratesOn(base, day);
  const quote = currency === 'EUR' ? 1 : quoted.rates[currency];
  Big.DP = 30;
  const usd =
    currency === 'USD'
      ? total
      : quote === undefined
        ? null
        : total.times(String(quoted.rates['USD'])).div(String(quote));
  return {
    po_number: order['po-number'] as string,
    status: statusOf(order['status'] as string),
    currency,
    total: total.toFixed(),
    total_usd: usd === null ? null : usd.round(2, Big.roundHalfUp).toFixed(2),
    fx_date: usd === null ? null : currency === 'USD' ? day : quoted.date,
    line_count: lines.length,
    supplier_id: order['supplier'] ? String((order['supplier'] as Json)['id']) : null,
    customer_account_id: (order['customer-account-id'] as string | undefined) ?? null,
  };
}

function statusOf(status: string): string {
  if (status === 'issued') return 'open';
  if (['buyer_hold', 'currency_hold', 'supplier_hold', 'supplier_window_hold'].includes(status))
    return 'on_hold';
  return status === 'expensed' ? 'closed' : status;
}

/** Order id and rule of everything that must be flagged, from the records alone. */
export async function expectFindings(
  base: string,
  data: Awaited<ReturnType<typeof readOrders>>,
  accounts: readonly Account[],
  loaded: ReadonlyMap<string, Json>,
): Promise<Set<string>> {
  const found = new Set<string>();
  const suppliers = new Set(data.suppliers.map((supplier) => String(supplier['id'])));
  const high = new Set(accounts.filter((a) => a.Priority__c === 'High').map((a) => a.Id));
  const headers = new Map(data.totals.map((order) => [String(order['id']), order]));
  const beyond = (difference: Big, reference: Big) => {
    const relative = reference.abs().times('0.005');
    return difference.gt(relative.gt('0.01') ? relative : '0.01');
  };
  const invoiced = new Map<string, Big>();
  const invoicedLines = new Map<string, Big>();
  for (const invoice of data.invoices) {
    if (
      invoice['canceled'] === true ||
      ['draft', 'voided', 'abandoned'].includes(invoice['status'] as string)
    )
      continue;
    const sign = invoice['document-type'] === 'Credit Note' ? -1 : 1;
    for (const line of invoice['invoice-lines'] as Json[]) {
      const raw = new Big(String(line['total']));
      const amount = sign === -1 ? raw.abs().times(-1) : raw;
      const key = `${line['po-number']} ${(invoice['currency'] as Json)['code']}`;
      invoiced.set(key, (invoiced.get(key) ?? new Big(0)).plus(amount));
      const lineKey = String(line['order-line-id']);
      invoicedLines.set(lineKey, (invoicedLines.get(lineKey) ?? new Big(0)).plus(amount));
    }
  }
  for (const [id, order] of loaded) {
    if (order['status'] === 'cancelled') continue;
    const lines = order['order-lines'] as Json[];
    const expected = await expectOrder(base, order);
    const total = new Big(expected.total);
    const flag = (rule: string) => found.add(`${id} ${rule}`);
    for (const line of lines) {
      const lineTotal = new Big(String(line['total']));
      if (line['quantity'] !== null && line['quantity'] !== undefined) {
        const product = new Big(String(line['price'])).times(String(line['quantity']));
        if (beyond(lineTotal.minus(product).abs(), product)) flag('line_total');
      }
      const billed = invoicedLines.get(String(line['id']));
      if (billed !== undefined && beyond(billed.minus(lineTotal), lineTotal)) flag('over_invoiced');
    }
    const header = headers.get(id);
    if (header && beyond(new Big(String(header['total'])).minus(total).abs(), total)) flag('header_total');
    const billed = invoiced.get(`${expected.po_number} ${expected.currency}`);
    if (billed !== undefined && beyond(billed.minus(total), total)) flag('over_invoiced');
    if (expected.supplier_id === null || !suppliers.has(expected.supplier_id)) flag('unknown_supplier');
    if (expected.total_usd !== null && new Big(expected.total_usd).gt(10_000)) flag('over_threshold');
    if (expected.customer_account_id !== null && high.has(expected.customer_account_id))
      flag('high_priority_customer');
  }
  return found;
}

export async function readAccounts(base: string, secret: string): Promise<Account[]> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'baton-demo',
    client_secret: secret,
  });
  const answer = await fetch(`${base}/salesforce/services/oauth2/token`, { method: 'POST', body: form });
  const token = (await answer.json()) as Json;
  const soql = encodeURIComponent('SELECT Id, Priority__c FROM Account');
  const page = await fetch(`${base}/salesforce/services/data/v62.0/query?q=${soql}`, {
    headers: { authorization: `Bearer ${token['access_token']}` },
  });
  return ((await page.json()) as { records: Account[] }).records;
}
