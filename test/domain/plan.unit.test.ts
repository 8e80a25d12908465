import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namePattern } from '../../src/config/schema/values.js';
import {
  checkPlan,
  dependenciesOf,
  type ExtractStep,
  type LoadStep,
  type Plan,
} from '../../src/domain/plan.js';
import { compilePlan, pipelineIdOf } from '../../src/pipelines/index.js';
import type { BatonError } from '../../src/protocol/errors.js';

function extract(id: string, more: Partial<ExtractStep> = {}): ExtractStep {
  return {
    id,
    kind: 'extract',
    title: id,
    dependsOn: [],
    connection: 'c',
    stream: 's',
    target: { table: 'raw.t', staging: 't' },
    retry: { retries: 3, delayMs: 1, maxDelayMs: 1 },
    initialValue: null,
    lagMs: null,
    parameters: {},
    ...more,
  };
}

function load(id: string, from: string, dependsOn: readonly string[] = []): LoadStep {
  return { id, kind: 'load', title: id, dependsOn, from };
}

function plan(steps: Plan['steps'], receiptStep = steps[0]?.id ?? ''): Plan {
  return { pipeline: 'p', description: '', receiptStep, concurrency: 1, steps };
}

function problems(of: Plan): string {
  try {
    checkPlan(of);
    return '';
  } catch (error) {
    expect(error).toMatchObject({ error: 'ERR_PLAN_INVALID', retryable: false });
    return (error as BatonError).message;
  }
}

/** A source that has every stream. */
const everything = () => ({ acknowledges: false });

/** Steps in a row, each depending on some before it: a plan without a cycle. */
const acyclic = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .map((rows) =>
    rows.map((picks, at) =>
      extract(`s${at}`, { dependsOn: at === 0 ? [] : [...new Set(picks.map((pick) => `s${pick % at}`))] }),
    ),
  );

describe('a write disposition', () => {
  const target = { table: 'raw.t', staging: 't' } as const;
  const orders = { suppliers: 'raw.s', rates: 'raw.r', reportingCurrency: 'USD' };

  it('is refused where orders are loaded by another than upsert', () => {
    const of = extract('a', { target: { ...target, orders, write: { disposition: 'replace' } } });
    expect(problems(plan([of]))).toContain('merged by upsert only');
  });

  it('is refused where others join a table that has no row for each key', () => {
    const suppliers = { table: 'raw.s', staging: 's', write: { disposition: 'append' } } as const;
    const steps = [extract('a', { target: { ...target, orders } }), extract('b', { target: suppliers })];
    expect(problems(plan(steps))).toContain('step a needs one row for each key');
    const history = { ...suppliers, write: { disposition: 'merge', strategy: 'scd2' } } as const;
    expect(problems(plan([extract('a'), extract('b', { target: history })]))).toBe('');
  });

  it('is refused where a part would replace the whole', () => {
    const range = { step: 'a', column: 'c', marginDays: 1 };
    const of = { dependsOn: ['a'], range, target: { ...target, write: { disposition: 'replace' } } } as const;
    expect(problems(plan([extract('a'), extract('b', of)]))).toContain('reads a range only');
  });
});

const settings = {
  source: 'coupa',
  customers: 'salesforce',
  rates: 'rates',
  desk: 'zendesk',
  initialValue: null,
  lagMs: null,
  reportingCurrency: 'USD',
  threshold: '10000',
  tolerance: { absolute: '0.01', relative: '0.005' },
  customerField: 'customer-account-id',
  highPriority: { field: 'Priority__c', value: 'High' },
  summaryAfter: 50,
  retries: 3,
  retryDelayMs: 120_000,
};

describe('a plan', () => {
  it('is accepted as it is when every dependency exists and none is circular, in any order', () => {
    fc.assert(
      fc.property(acyclic, fc.infiniteStream(fc.nat()), (steps, draws) => {
        const shuffled = [...steps].sort(() => ((draws.next().value ?? 0) % 2 === 0 ? 1 : -1));
        const given = plan(shuffled);
        expect(checkPlan(given)).toBe(given);
      }),
    );
  });

  it('is refused as soon as a dependency closes a circle', () => {
    fc.assert(
      fc.property(acyclic, fc.nat(), fc.nat(), (steps, one, two) => {
        const from = steps[Math.min(one % steps.length, two % steps.length)];
        const to = steps[Math.max(one % steps.length, two % steps.length)];
        if (from === undefined || to === undefined) return;
        // to → … → from is only certain when we say so ourselves.
        const chained = steps.map((step) => {
          if (step.id === to.id && from.id !== to.id)
            return { ...step, dependsOn: [...step.dependsOn, from.id] };
          return step;
        });
        const circle = chained.map((step) =>
          step.id === from.id ? { ...step, dependsOn: [...step.dependsOn, to.id] } : step,
        );
        expect(problems(plan(circle))).toContain('cycle');
      }),
    );
  });

  it('names every problem at once', () => {
    const told = problems(
      plan(
        [
          extract('a'),
          extract('a'),
          load('b', 'nowhere'),
          load('c', 'b'),
          extract('d', { range: { step: 'a', column: 'x', marginDays: 1 } }),
        ],
        'missing',
      ),
    );
    for (const problem of [
      'two steps have the same id',
      'step b depends on unknown step nowhere',
      'step c loads from b, which extracts nothing',
      'step d takes its range from a without depending on it',
      'the receipt step missing does not exist',
    ])
      expect(told).toContain(problem);
  });

  it('sees a circle through what a step loads from', () => {
    expect(dependenciesOf(load('l', 'a', ['b']))).toEqual(['b', 'a']);
    expect(problems(plan([extract('a', { dependsOn: ['l'] }), load('l', 'a')]))).toContain('cycle');
  });

  it('names tables that every warehouse takes, staging and indexes included', () => {
    for (const table of [
      'raw.coupa-eu',
      'raw.coupa.eu',
      'raw.1coupa',
      'raw.Coupa',
      'raw',
      `raw.${'t'.repeat(64)}`,
    ]) {
      const target = { table: table as 'raw.t', staging: 't' };
      expect(problems(plan([extract('a', { target })]))).toContain(`step a names the table ${table}`);
    }
    const target = { table: 'raw.t', staging: 'a-b' } as const;
    expect(problems(plan([extract('a', { target })]))).toContain('step a names the table staging.a-b');
    const indexed = {
      table: `raw.${'t'.repeat(40)}`,
      staging: 't',
      indexes: ['a_rather_long_column_name'],
    } as const;
    expect(problems(plan([extract('a', { target: indexed })]))).toContain('step a names the index');
  });

  it('of the order pipeline has a table of its own for every connection that the configuration accepts', () => {
    const tables = (more: object) =>
      compilePlan(
        'po_data_pipeline',
        { po_data_pipeline: { ...settings, ...more } },
        everything,
      ).steps.flatMap((step) => (step.kind === 'extract' ? [step.target.table] : []));
    expect(tables({})).toContain('raw.coupa_purchase_order_totals');
    const suppliersOf = (source: string) =>
      tables({ source }).find((table) => table.endsWith('_suppliers')) ?? '';
    const names = [
      'coupa',
      'coupa-eu',
      'coupa.eu',
      'coupa_eu',
      '1coupa',
      '_1coupa',
      'a'.repeat(62),
      'a'.repeat(63),
    ];
    // Also when somebody calls a connection like the tables of another one.
    const borrowed = names.map((name) => suppliersOf(name).slice('raw.'.length, -'_suppliers'.length));
    const all = new Set([...names, ...borrowed]);
    expect(new Set([...all].map(suppliersOf)).size).toBe(all.size);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(namePattern), { minLength: 2, maxLength: 5 }),
        (connections) => {
          const found = connections.flatMap((name) => tables({ source: name, customers: name, rates: name }));
          // The facts are shared: what is of which source, they say in a column.
          expect(new Set(found).size).toBe(connections.length * 5 + 1);
        },
      ),
    );
  });

  it('of the order pipeline leaves out what the source does not have, and needs what it must have', () => {
    const compiled = (lacking: readonly string[]) =>
      compilePlan('po_data_pipeline', { po_data_pipeline: settings }, (_, stream) =>
        lacking.includes(stream) ? undefined : everything(),
      );
    const ids = (of: Plan) => of.steps.map(({ id }) => id);
    const lean = compiled(['purchase_order_totals', 'suppliers', 'invoices']);
    expect(ids(lean)).toEqual(ids(compiled([])).filter((id) => !/totals|suppliers|invoices/.test(id)));
    expect(lean.steps.find(({ kind }) => kind === 'reconcile')).toMatchObject({
      dependsOn: ['load_orders', 'load_customers'],
      tables: { customers: 'raw.salesforce_accounts' },
    });
    expect(JSON.stringify(lean)).not.toMatch(/coupa_suppliers|coupa_invoices|coupa_purchase_order_totals/);
    expect(() => compiled(['purchase_orders'])).toThrow(/coupa has no stream purchase_orders/);
  });

  it('tells the vendor of what it loaded, where that is wanted, and only behind the load', () => {
    const flagged = (_: string, stream: string) => ({ acknowledges: stream === 'purchase_orders' });
    const plan = compilePlan('po_data_pipeline', { po_data_pipeline: settings }, flagged);
    const told = plan.steps.filter(({ kind }) => kind === 'acknowledge');
    expect(told).toMatchObject([
      { id: 'acknowledge_orders', from: 'extract_orders', dependsOn: ['load_orders'] },
    ]);
    const early = plan.steps.map((step) =>
      step.kind === 'acknowledge' ? { ...step, dependsOn: ['extract_orders'] } : step,
    );
    expect(() => checkPlan({ ...plan, steps: early })).toThrow(
      /acknowledge_orders acknowledges what extract_orders read before it is loaded/,
    );
  });

  it('reads nothing before the syncs that its settings name', () => {
    const bare = compilePlan('po_data_pipeline', { po_data_pipeline: settings }, everything);
    const sync = { connection: 'fivetran', id: 'x', mode: 'start', withinMs: null, timeoutMs: 1 } as const;
    const syncs = [sync, { ...sync, id: 'y' }];
    const plan = compilePlan('po_data_pipeline', { po_data_pipeline: { ...settings, syncs } }, everything);
    expect(plan.steps.slice(2).map(({ id }) => id)).toEqual(bare.steps.map(({ id }) => id));
    for (const step of plan.steps)
      if (step.kind === 'extract')
        expect(step.dependsOn, step.id).toEqual(expect.arrayContaining(['sync_fivetran', 'sync_fivetran_2']));
  });

  it('of the ingest pipeline has a table and a watermark of its own for every stream', () => {
    const sources = [
      { connection: 'zendesk', streams: ['tickets', 'users'] },
      { connection: 'sales-force', streams: ['accounts'] },
    ];
    const own = {
      ingest_pipeline: { sources, initialValue: null, lagMs: null, retries: 3, retryDelayMs: 1 },
    };
    const { steps } = compilePlan('ingest', own, everything);
    const extracts = steps.filter((step) => step.kind === 'extract');
    expect(extracts.map(({ connection, stream }) => `${connection}.${stream}`)).toEqual([
      'zendesk.tickets',
      'zendesk.users',
      'sales-force.accounts',
    ]);
    expect(new Set(extracts.map(({ target }) => target.table)).size).toBe(3);
    expect(extracts.map(({ watermark }) => watermark)).toContain('users@raw.zendesk_users');
    expect(() =>
      compilePlan('ingest', own, (_, stream) => (stream === 'users' ? undefined : everything())),
    ).toThrow(/zendesk has no stream users/);
  });

  it('of the order pipeline compiles from any settings, under both of its names', () => {
    expect(pipelineIdOf('daily_po_analytics')).toBe('po_data_pipeline');
    expect(pipelineIdOf('nothing')).toBeNull();
    const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,12}$/);
    fc.assert(
      fc.property(fc.record({ source: name, desk: name, customers: name, rates: name }), (names) => {
        const compiled = compilePlan(
          'po_data_pipeline',
          { po_data_pipeline: { ...settings, ...names } },
          everything,
        );
        expect(
          compilePlan('daily_po_analytics', { po_data_pipeline: { ...settings, ...names } }, everything),
        ).toEqual(compiled);
        // It travels in the history: plain JSON, and small.
        expect(JSON.parse(JSON.stringify(compiled))).toEqual(compiled);
        expect(JSON.stringify(compiled).length).toBeLessThan(16_384);
      }),
    );
    expect(() => compilePlan('po_data_pipeline', {}, everything)).toThrow(/no pipeline "po_data_pipeline"/);
  });
});
