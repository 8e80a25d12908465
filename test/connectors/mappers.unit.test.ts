import { describe, expect, it } from 'vitest';
import { ariba } from '../../src/connectors/ariba/index.js';
import { aribaReading } from '../../src/connectors/ariba/reading.js';
import { coupa } from '../../src/connectors/coupa/index.js';
import { frankfurter } from '../../src/connectors/frankfurter/index.js';
import { type Connector, streamsOf } from '../../src/connectors/port.js';
import { salesforce } from '../../src/connectors/salesforce/index.js';
import { zendesk } from '../../src/connectors/zendesk/index.js';
import type { Mapped } from '../../src/domain/columns.js';

function map(connector: Connector, stream: string, record: string, parameters?: Record<string, string>) {
  const mapped = connector.streams[stream]?.map(Buffer.from(record), parameters);
  if (mapped === undefined) throw new Error(`no stream ${stream}`);
  const { parsed: _, ...verdict } = mapped;
  return verdict as Mapped;
}

describe('Salesforce', () => {
  const attributes =
    '"attributes":{"type":"Account","url":"/services/data/v62.0/sobjects/Account/001Hs00000ABCDEFGH"}';

  it('maps an account; the odd offset becomes UTC', () => {
    const record = `{${attributes},"Id":"001Hs00000ABCDEFGH","Name":"Ångström AB","Type":"Prospect","Industry":null,"Priority__c":"High","SystemModstamp":"2026-05-01T07:25:37.000+0000"}`;
    expect(map(salesforce, 'accounts', record)).toEqual({
      kind: 'row',
      row: {
        account_id: '001Hs00000ABCDEFGH',
        name: 'Ångström AB',
        type: 'Prospect',
        industry: null,
        priority: 'High',
        updated_at: '2026-05-01T07:25:37.000Z',
        is_deleted: null,
      },
    });
  });

  it('reads the rank from the field that the pipeline names', () => {
    const record = `{${attributes},"Id":"1","Tier__c":"Gold","SystemModstamp":"2026-05-01T07:25:37.000+0200","IsDeleted":true}`;
    expect(map(salesforce, 'accounts', record, { priorityField: 'Tier__c' })).toMatchObject({
      row: { priority: 'Gold', updated_at: '2026-05-01T05:25:37.000Z', is_deleted: 'true' },
    });
  });

  it('maps a contact', () => {
    const record =
      '{"Id":"003Hs00000ABCDEFGH","AccountId":null,"FirstName":"Erika","LastName":"Muster","Email":"e@example.com","SystemModstamp":"2026-05-01T07:25:37.123+0000"}';
    expect(map(salesforce, 'contacts', record)).toMatchObject({
      row: {
        contact_id: '003Hs00000ABCDEFGH',
        account_id: null,
        name: 'Erika Muster',
        updated_at: '2026-05-01T07:25:37.123Z',
      },
    });
  });
});

describe('Salesforce Service Cloud', () => {
  // Fields as the object reference has them.
  it('maps a case that is not closed yet, and one that is', () => {
    const open =
      '{"Id":"500Hs00000ABCDEFGH","CaseNumber":"00001001","Subject":"Starting generator","Status":"New","Priority":"High","Origin":"Phone","Reason":null,"AccountId":"001Hs00000ABCDEFGH","IsClosed":false,"IsEscalated":false,"CreatedDate":"2026-05-01T07:25:37.000+0000","ClosedDate":null,"SystemModstamp":"2026-05-01T07:25:38.000+0000","IsDeleted":false}';
    expect(map(salesforce, 'cases', open)).toMatchObject({
      row: {
        case_id: '500Hs00000ABCDEFGH',
        case_number: '00001001',
        status: 'New',
        account_id: '001Hs00000ABCDEFGH',
        is_closed: 'false',
        created_at: '2026-05-01T07:25:37.000Z',
        closed_at: null,
      },
    });
    const closed = open.replace('"ClosedDate":null', '"ClosedDate":"2026-05-02T00:00:00.000-0700"');
    expect(map(salesforce, 'cases', closed)).toMatchObject({
      row: { closed_at: '2026-05-02T07:00:00.000Z' },
    });
  });

  it('maps a comment of a case; one of no case is reported', () => {
    const record =
      '{"Id":"00aHs00000ABCDEFGH","ParentId":"500Hs00000ABCDEFGH","CommentBody":"Asked.","IsPublished":false,"CreatedById":"005Hs0000000001AAA","CreatedDate":"2026-05-01T07:25:37.000+0000","SystemModstamp":"2026-05-01T07:25:37.000+0000","IsDeleted":true}';
    expect(map(salesforce, 'case_comments', record)).toMatchObject({
      row: { case_id: '500Hs00000ABCDEFGH', body: 'Asked.', is_published: 'false', is_deleted: 'true' },
    });
    const lost = record.replace('"ParentId":"500Hs00000ABCDEFGH",', '');
    expect(map(salesforce, 'case_comments', lost)).toMatchObject({ kind: 'quarantined' });
  });
});

describe('Zendesk', () => {
  // The examples of the vendor's documentation, shortened.
  it('maps a user; one that is not active was deleted', () => {
    const record =
      '{"id":35436,"name":"Johnny Agent","email":"j@example.com","role":"agent","organization_id":57542,"external_id":"sai989s","active":false,"suspended":true,"created_at":"2009-07-20T22:55:29Z","updated_at":"2011-05-05T10:38:52Z"}';
    expect(map(zendesk, 'users', record)).toEqual({
      kind: 'row',
      row: {
        user_id: '35436',
        name: 'Johnny Agent',
        email: 'j@example.com',
        role: 'agent',
        organization_id: '57542',
        external_id: 'sai989s',
        is_suspended: 'true',
        created_at: '2009-07-20T22:55:29.000Z',
        updated_at: '2011-05-05T10:38:52.000Z',
        is_deleted: 'true',
      },
    });
  });

  it('maps an organization that is there', () => {
    const record =
      '{"id":35436,"name":"One","external_id":"ABC198","domain_names":["one.example.com"],"tags":[],"created_at":"2009-07-20T22:55:29Z","updated_at":"2011-05-05T10:38:52Z","deleted_at":null}';
    expect(map(zendesk, 'organizations', record)).toMatchObject({
      row: {
        organization_id: '35436',
        domain_names: '["one.example.com"]',
        deleted_at: null,
        is_deleted: 'false',
      },
    });
  });

  it('leaves a first reply that was not given yet as null, and not as zero', () => {
    const record =
      '{"id":33,"ticket_id":4343,"replies":0,"reopens":55,"reply_time_in_minutes":{"calendar":null,"business":null},"full_resolution_time_in_minutes":{"calendar":2290,"business":637},"requester_wait_time_in_minutes":{"calendar":5000,"business":2000},"assigned_at":"2011-05-05T10:38:52Z","solved_at":"2011-05-09T10:38:52Z","created_at":"2009-07-20T22:55:29Z","updated_at":"2011-05-05T10:38:52Z"}';
    expect(map(zendesk, 'ticket_metrics', record)).toMatchObject({
      row: {
        metric_id: '33',
        ticket_id: '4343',
        replies: '0',
        first_reply_minutes: null,
        first_reply_business_minutes: null,
        full_resolution_minutes: '2290',
        full_resolution_business_minutes: '637',
        requester_wait_minutes: '5000',
        solved_at: '2011-05-09T10:38:52.000Z',
      },
    });
  });

  it('maps an event of a metric', () => {
    const record =
      '{"id":926232157301,"ticket_id":155,"metric":"agent_work_time","instance_id":0,"type":"measure","time":"2020-10-26T12:53:12Z"}';
    expect(map(zendesk, 'ticket_metric_events', record)).toMatchObject({
      row: {
        metric_event_id: '926232157301',
        instance_id: '0',
        type: 'measure',
        time: '2020-10-26T12:53:12.000Z',
      },
    });
  });
});

describe('an id that no index can hold', () => {
  const long = 'x'.repeat(256);
  const changed = { SystemModstamp: '2026-05-01T07:25:37.000+0000', 'updated-at': '2026-05-01T07:25:37Z' };
  it.each([
    ['salesforce accounts', { ...changed, Id: long }, 'Id'],
    ['salesforce contacts', { ...changed, Id: '1', AccountId: long }, 'AccountId'],
    ['coupa suppliers', { ...changed, id: long, name: 'a' }, 'id'],
    ['coupa purchase_order_totals', { ...changed, id: long, total: '1' }, 'id'],
  ])('is quarantined: %s', (stream, record, path) => {
    const [vendor = '', name = ''] = stream.split(' ');
    const mapped = map({ salesforce, coupa }[vendor] ?? zendesk, name, JSON.stringify(record));
    expect(mapped).toMatchObject({ kind: 'quarantined', violations: [{ rule: 'too_long', path }] });
  });
});

describe('Frankfurter', () => {
  it('keeps the digits of a rate as they were sent', () => {
    const record =
      '{"date":"2026-01-05","base":"EUR","rates":{"USD":1.0890,"IDR":17652.10,"BTC":1.5e-05,"JPY":162}}';
    expect(map(frankfurter, 'rates', record)).toEqual({
      kind: 'row',
      row: {
        rate_id: '2026-01-05/EUR',
        rate_date: '2026-01-05',
        base: 'EUR',
        rates: '{"USD":"1.0890","IDR":"17652.10","BTC":"0.000015","JPY":"162"}',
      },
    });
  });

  it.each([
    ['{"USD":0}', 'not_positive rates.USD'],
    ['{"USD":-1}', 'not_positive rates.USD'],
    ['{"USD":"N/A"}', 'not_a_decimal rates.USD'],
    ['{"usd":1}', 'not_a_currency rates.usd'],
    ['[]', 'wrong_type rates'],
  ])('quarantines the rates %s', (rates, expected) => {
    const mapped = map(frankfurter, 'rates', `{"date":"2026-01-05","base":"EUR","rates":${rates}}`);
    expect(mapped).toMatchObject({ kind: 'quarantined', id: '2026-01-05' });
    if (mapped?.kind !== 'quarantined') return;
    expect(mapped.violations.map(({ rule, path }) => `${rule} ${path}`)).toEqual([expected]);
  });
});

describe('Zendesk', () => {
  it('maps a ticket; the vendor’s own change time is its version', () => {
    const record =
      '{"id":35436,"external_id":"btn-1","subject":"Größe","status":"deleted","priority":null,"type":"incident","requester_id":20978392,"assignee_id":null,"group_id":98738,"tags":["a","b"],"created_at":"2026-07-20T22:55:29Z","updated_at":"2026-07-20T22:55:30Z","generated_timestamp":1784588130}';
    expect(map(zendesk, 'tickets', record)).toEqual({
      kind: 'row',
      row: {
        ticket_id: '35436',
        external_id: 'btn-1',
        subject: 'Größe',
        status: 'deleted',
        priority: null,
        type: 'incident',
        requester_id: '20978392',
        assignee_id: null,
        group_id: '98738',
        tags: '["a","b"]',
        created_at: '2026-07-20T22:55:29.000Z',
        updated_at: '2026-07-20T22:55:30.000Z',
        generated_at: '2026-07-20T22:55:30.000Z',
        is_deleted: 'true',
      },
    });
  });
});

describe('SAP Ariba', () => {
  const settings = {
    realm: 'mycompany-T',
    auth: { clientId: 'c', clientSecret: 'secret://env/A', applicationKey: 'secret://env/B' },
    views: { purchase_orders: 'orders' },
  };
  const order = (connector: object, record: unknown, parameters?: Record<string, string>) =>
    map(
      { ...ariba, streams: streamsOf(ariba, connector) },
      'purchase_orders',
      JSON.stringify(record),
      parameters,
    );
  const usd = (amount: unknown, code = 'USD') => ({ Amount: amount, Currency: { UniqueName: code } });
  const record = {
    UniqueName: 'EP123',
    InternalId: '5012',
    StatusString: 'Receiving',
    TimeCreated: '2026-05-01T00:25:37-07:00',
    TimeUpdated: '2026-05-02T07:25:37Z',
    Supplier: { UniqueName: 'sid42', Name: 'Ångström AB' },
    cus_CustomerAccountId: null,
    LineItems: [
      {
        NumberInCollection: 1,
        Quantity: 3,
        Description: { Description: 'Paper', Price: usd(0.1) },
        Amount: usd(0.31),
      },
      { NumberInCollection: 2, Quantity: 2.5, Description: { Description: null, Price: usd(19.99) } },
    ],
  };

  it('maps an order whose view has no total: its currency is the first line’s', () => {
    expect(order(settings, record)).toMatchObject({
      kind: 'row',
      row: {
        po_id: 'EP123',
        po_number: 'EP123',
        status: 'open',
        vendor_status: 'Receiving',
        version: null,
        supplier_id: 'sid42',
        supplier_name: 'Ångström AB',
        customer_account_id: null,
        currency: 'USD',
        total: '50.285',
        line_count: '2',
        created_at: '2026-05-01T07:25:37.000Z',
        updated_at: '2026-05-02T07:25:37.000Z',
      },
      lines: [
        { line_id: '1', type: 'quantity', price: '0.1', quantity: '3', total: '0.31' },
        { line_id: '2', description: null, price: '19.99', quantity: '2.5', total: '49.975' },
      ],
    });
  });

  it('reads the customer from the field that the pipeline names', () => {
    const named = { ...record, cus_Tier: 'A-1' };
    expect(order(settings, named, { customerField: 'cus_Tier' })).toMatchObject({
      row: { customer_account_id: 'A-1' },
    });
  });

  it('leaves out what is being composed, and takes the realm’s own states as it is told', () => {
    const composing = { ...record, StatusString: 'Composing' };
    expect(order(settings, composing)).toEqual({ kind: 'filtered', reason: 'draft', id: 'EP123' });
    const own = { ...record, StatusString: 'Awaiting Receipt' };
    expect(order(settings, own)).toMatchObject({ violations: [{ rule: 'unknown_status' }] });
    const told = { ...settings, statuses: { 'Awaiting Receipt': 'open' } };
    expect(order(told, own)).toMatchObject({ row: { status: 'open', vendor_status: 'Awaiting Receipt' } });
  });

  it.each([
    ['mixed_currencies', { TotalCost: usd(1, 'EUR') }],
    ['doubled_line', { LineItems: [record.LineItems[0], record.LineItems[0]] }],
    ['missing_key', { LineItems: [{ NumberInCollection: 1, Amount: null, Quantity: 1 }], TotalCost: usd(1) }],
  ])('quarantines an order for %s', (rule, more) => {
    const mapped = order(settings, { ...record, ...more });
    expect(mapped.kind === 'quarantined' && new Set(mapped.violations.map((found) => found.rule))).toEqual(
      new Set([rule]),
    );
  });

  it('heeds what is left of the limits once one of them is used up', () => {
    const left = { 'x-ratelimit-remaining-day': '12', 'x-ratelimit-remaining-minute': '1' };
    expect(aribaReading(left)).toBeNull();
    expect(aribaReading({})).toBeNull();
    const spent = { ...left, 'x-ratelimit-remaining-hour': '0', 'ratelimit-reset': '1800' };
    expect(aribaReading(spent)).toEqual({
      size: 1,
      remaining: 0,
      resetsInMs: 1_800_000,
      isOfQuota: true,
    });
  });
});

describe('the Ariba Network', () => {
  const streams = streamsOf(ariba, {
    auth: { clientId: 'c', clientSecret: 'secret://env/A', applicationKey: 'secret://env/B' },
    network: { id: 'AN01000000042' },
  });
  const read = (stream: string, record: unknown) =>
    map({ ...ariba, streams }, stream, JSON.stringify(record));
  // As the vendor's own sandbox answers.
  const order = {
    documentNumber: 'PO28',
    orderDate: '28 May 2019 5:46:45 AM',
    supplierName: 'Ångström AB',
    supplierANID: 'AN02000000001',
    buyerANID: 'AN01000000042',
    customerName: 'Sandbox AG',
    systemId: 'APC',
    payloadId: '1559022405@10.1.2.3',
    revision: 'Original',
    endpointId: null,
    created: '28 May 2019 12:00:00 PM',
    status: 'New',
    documentStatus: 'Sent',
    amount: 12.5,
    numberOfInvoices: 0,
    invoicedAmount: '0.00',
    companyCode: 3000,
  };
  const rowOf = (record: unknown) => {
    const verdict = read('network_purchase_orders', record);
    return verdict.kind === 'row' ? verdict.row : verdict;
  };

  it('maps an order, each revision to a row of its own', () => {
    expect(rowOf(order)).toEqual({
      order_key: '1559022405@10.1.2.3 Original',
      document_number: 'PO28',
      revision: 'Original',
      payload_id: '1559022405@10.1.2.3',
      order_date: '2019-05-28T05:46:45.000Z',
      created_at: '2019-05-28T12:00:00.000Z',
      status: 'New',
      document_status: 'Sent',
      supplier_name: 'Ångström AB',
      supplier_network_id: 'AN02000000001',
      buyer_network_id: 'AN01000000042',
      customer_name: 'Sandbox AG',
      system_id: 'APC',
      company_code: '3000',
      amount: '12.5',
      currency: null,
      invoice_count: '0',
      invoiced_amount: '0.00',
    });
    expect(rowOf({ ...order, revision: null })).toMatchObject({ order_key: '1559022405@10.1.2.3' });
  });

  it.each([
    ['28 May 2019 5:46:45 AM', '2019-05-28T05:46:45.000Z'],
    ['28 May 2019 12:00:01 AM', '2019-05-28T00:00:01.000Z'],
    ['1 December 2026 11:59:59 PM', '2026-12-01T23:59:59.000Z'],
    ['28 May 2019 5:46:45\u202fAM', '2019-05-28T05:46:45.000Z'],
    ['28 May 2019 17:46:45', '2019-05-28T17:46:45.000Z'],
    ['2019-05-27T22:46:45-07:00', '2019-05-28T05:46:45.000Z'],
  ])('reads the time %j', (created, expected) => {
    expect(rowOf({ ...order, created })).toMatchObject({ created_at: expected });
  });

  it.each(['30 Feb 2026 5:46:45 AM', '28 Mai 2019 5:46:45 AM', '28 May 2019 13:46:45 AM', 'yesterday', 7])(
    'quarantines the time %j',
    (created) => expect(rowOf({ ...order, created })).toMatchObject({ kind: 'quarantined' }),
  );

  it.each([
    [{ amount: '1234.50', currencyCode: 'EUR' }, '1234.50', 'EUR'],
    [{ amount: undefined, poAmount: { amount: '-7.1', currencyCode: 'USD' } }, '-7.1', 'USD'],
    [{ amount: { amount: 7, currencyCode: 'JPY' } }, '7', 'JPY'],
    [{ amount: null, invoicedAmount: { amount: '3', currency: 'CHF' } }, null, 'CHF'],
  ])('reads the money %j', (money, amount, currency) => {
    expect(rowOf({ ...order, ...money })).toMatchObject({ amount, currency });
  });

  it.each(['1,234.50', '1e400', { amount: 'x' }, [], true])('quarantines the amount %j', (amount) => {
    expect(rowOf({ ...order, amount })).toMatchObject({ kind: 'quarantined', id: order.payloadId });
  });

  it('maps a line, known by its order and number', () => {
    const item = {
      documentNumber: 'PO28',
      lineNumber: 10,
      quantity: '2',
      unitPrice: { amount: '0.10', currencyCode: 'USD' },
    };
    expect(read('network_purchase_order_items', item)).toMatchObject({
      row: { item_key: 'PO28 10', unit_price: '0.10', amount: null, currency: 'USD', description: null },
    });
    expect(read('network_purchase_order_items', { ...item, lineNumber: null }).kind).toBe('quarantined');
  });
});
