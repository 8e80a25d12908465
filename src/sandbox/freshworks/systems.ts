import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import { Draw } from '../rng.js';
import { accountId } from '../seed/accounts.js';
import { dayMs, fromMs, supplierCount, supplierIdBase } from '../seed/frame.js';
import { supplierReference, supplierTimes } from '../seed/suppliers.js';
import type { Settings } from '../settings.js';
import type { Vendor } from '../wire.js';
import {
  createFreshStore,
  createFreshworks,
  type FreshRecord,
  type FreshStore,
  type FreshTicket,
  freshdeskKey,
  freshserviceKey,
} from './vendor.js';

/** Keys of the seeded draws. */
const draws = { ticket: 41, contact: 42, asset: 43, order: 44 } as const;
const ticketCount = 240;
const orderCount = 240;

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Months old, all of them: only who asks for older ones sees them. Some share one second of change. */
function seededTickets(seed: number, firstId: number): FreshTicket[] {
  return Array.from({ length: ticketCount }, (_, index) => {
    const draw = new Draw(seed, draws.ticket, firstId, index);
    const createdMs = fromMs - draw.int(1, 200) * dayMs + draw.int(0, 86_399) * 1_000;
    const updatedMs = index % 4 === 0 ? fromMs : createdMs + draw.int(60, 90_000) * 1_000;
    const status = draw.pick([2, 2, 3, 4, 5]);
    const answered = draw.chance(0.7) ? time(createdMs + draw.int(1, 600) * 60_000) : null;
    return {
      id: firstId + index,
      subject: draw.pick([
        'Cannot print',
        'Order is late',
        'Wrong address',
        'No access',
        'Büro: Lampe defekt',
      ]),
      description: 'It <b>does not</b> work &amp; it should.',
      status,
      priority: draw.int(1, 4),
      tags: draw.chance(0.3) ? ['vip'] : [],
      email: `desk-${draw.int(1, 450)}@example.com`,
      requester_id: 70_000 + draw.int(1, 450),
      stats: {
        first_responded_at: answered,
        resolved_at: status >= 4 ? time(updatedMs) : null,
        closed_at: status === 5 ? time(updatedMs) : null,
      },
      deleted: index % 40 === 39,
      created_at: time(createdMs),
      updated_at: time(updatedMs),
      notes: [],
    };
  });
}

function seededContacts(seed: number): FreshRecord[] {
  return Array.from({ length: 260 }, (_, index) => {
    const draw = new Draw(seed, draws.contact, index);
    const updatedMs = fromMs - draw.int(0, 400) * dayMs + draw.int(0, 86_399) * 1_000;
    return {
      id: 82_000_000_001 + index,
      name: `Desk ${index + 1}`,
      email: `desk-${index + 1}@example.com`,
      phone: null,
      mobile: null,
      company_id: draw.chance(0.8) ? 51_000_000 + draw.int(1, 40) : null,
      unique_external_id: draw.chance(0.2) ? accountId(seed, index % 150) : null,
      active: draw.chance(0.9),
      custom_fields: {},
      created_at: time(updatedMs - draw.int(1, 100) * dayMs),
      updated_at: time(updatedMs),
      ...(index % 50 === 49 ? { deleted: true } : {}),
    };
  });
}

function seededAssets(seed: number): FreshRecord[] {
  return Array.from({ length: 230 }, (_, index) => {
    const draw = new Draw(seed, draws.asset, index);
    const updatedMs = fromMs - draw.int(0, 400) * dayMs + draw.int(0, 86_399) * 1_000;
    const kind = draw.pick([
      ['Laptop', 7001],
      ['Pump', 7002],
      ['Printer', 7003],
    ] as const);
    return {
      id: 910_000_001 + index,
      display_id: index + 1,
      name: `${kind[0]} ${index + 1}`,
      asset_tag: `ASSET-${index + 1}`,
      asset_type_id: kind[1],
      impact: draw.pick(['low', 'medium', 'high']),
      usage_type: 'permanent',
      user_id: draw.chance(0.5) ? 70_000 + draw.int(1, 450) : null,
      department_id: null,
      location_id: null,
      agent_id: null,
      assigned_on: draw.chance(0.5) ? time(updatedMs - dayMs) : null,
      workspace_id: 2,
      created_at: time(updatedMs - 30 * dayMs),
      updated_at: time(updatedMs),
      type_fields: { [`serial_number_${kind[1]}`]: `SN-${draw.int(10_000, 99_999)}` },
    };
  });
}

/** The suppliers of the other systems, as Freshservice has them. */
function seededVendors(seed: number): FreshRecord[] {
  return Array.from({ length: supplierCount }, (_, index) => {
    const { name, id } = supplierReference(supplierIdBase + index);
    const { createdMs, updatedMs } = supplierTimes(seed, index);
    return { id, name, description: null, created_at: time(createdMs), updated_at: time(updatedMs) };
  });
}

function seededOrders(seed: number): FreshRecord[] {
  return Array.from({ length: orderCount }, (_, index) => {
    const draw = new Draw(seed, draws.order, index);
    const createdMs = fromMs + draw.int(0, 13 * 86_400) * 1_000;
    const items = Array.from({ length: draw.int(1, 4) }, (_, at) => ({
      item_type: 1,
      item_name: `Item ${at + 1}`,
      description: '',
      cost: draw.int(100, 200_000) / 100,
      quantity: draw.int(1, 12),
      received: 0,
      tax_percentage: 8,
    }));
    return {
      id: 3_001 + index,
      name: `Order ${index + 1}`,
      po_number: `FS-${3_001 + index}`,
      vendor_id: supplierIdBase + draw.int(0, supplierCount - 1),
      vendor_details: '',
      expected_delivery_date: null,
      discount_percentage: 0,
      tax_percentage: 8,
      shipping_cost: 0,
      currency_code: draw.pick(['USD', 'USD', 'EUR', 'GBP']),
      status: draw.pick([20, 25, 25, 30]),
      total_cost: items.reduce((sum, { cost, quantity }) => sum + Math.round(cost * 108) * quantity, 0) / 100,
      purchase_items: items,
      custom_fields: { customer_account_id: draw.chance(0.8) ? accountId(seed, draw.int(4, 149)) : null },
      created_at: time(createdMs),
      updated_at: time(createdMs + draw.int(0, 86_400) * 1_000),
    };
  });
}

export function createFreshStores(
  seed: number,
  journal: Journal,
): { readonly freshservice: FreshStore; readonly freshdesk: FreshStore } {
  return {
    freshservice: createFreshStore(journal, 'freshservice', {
      tickets: seededTickets(seed, 1),
      lists: {
        assets: seededAssets(seed),
        vendors: seededVendors(seed),
        purchase_orders: seededOrders(seed),
      },
    }),
    freshdesk: createFreshStore(journal, 'freshdesk', {
      tickets: seededTickets(seed, 100_000_000_001),
      lists: { contacts: seededContacts(seed) },
    }),
  };
}

export function createFreshVendors(
  stores: ReturnType<typeof createFreshStores>,
  clock: SandboxClock,
  settings: Settings,
): readonly Vendor[] {
  return [
    createFreshworks(
      {
        name: 'freshservice',
        key: freshserviceKey,
        isEnveloped: true,
        mostPages: null,
        lists: { assets: { since: 'filter' }, vendors: {}, purchase_orders: {} },
      },
      stores.freshservice,
      clock,
      settings,
    ),
    createFreshworks(
      {
        name: 'freshdesk',
        key: freshdeskKey,
        isEnveloped: false,
        mostPages: 300,
        lists: { contacts: { since: '_updated_since', deleted: 'state=deleted' } },
      },
      stores.freshdesk,
      clock,
      settings,
    ),
  ];
}
