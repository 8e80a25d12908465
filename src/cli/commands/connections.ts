import {
  type BatonConfig,
  changePlace,
  filePlace,
  resolveConnection,
  unknownConnection,
  vaultSecrets,
} from '../../config/index.js';
import type { CheckTick, Connector } from '../../connectors/port.js';
import type { BudgetView } from '../../control/budgets.js';
import type { BreakerState } from '../../domain/breaker.js';
import { BatonError, describeError } from '../../protocol/errors.js';
import type { Cli, Handler } from '../context.js';
import { asBatonError } from '../render/failure.js';
import { list, one } from '../render/result.js';
import type { Style } from '../render/style.js';

interface ConnectionView {
  readonly name: string;
  readonly type: string;
  readonly system: string;
  /** Null where the system only sends to us. */
  readonly baseUrl: string | null;
  readonly tenant: string | null;
  /** Null when the control database cannot be asked, or no request was made yet. */
  readonly budget: BudgetShown | null;
}

interface BudgetShown {
  readonly state: BreakerState;
  /** Until it is asked again whether it is back; 0 when the breaker is closed. */
  readonly probeInMs: number;
  readonly failures: number;
  readonly lastError: string | null;
  readonly limit: string | null;
  /** How long the next request would wait for its place. */
  readonly backlogMs: number;
  readonly remaining: number | null;
}

interface TestResult {
  readonly connection: string;
  readonly system: string;
  readonly baseUrl: string | null;
  readonly ok: boolean;
  readonly checks: readonly CheckTick[];
  /** When it could not even be opened: a secret that is missing. */
  readonly error: string | null;
}

/** What is asked, and not over HTTP. */
const elsewhere: Readonly<Record<string, string>> = { files: 'files', postgres: 'a database' };

export const listConnections: Handler = async (cli) => {
  const config = await cli.config();
  const connectors = await loadConnectors();
  const budgets = await readBudgets(cli);
  const items = Object.entries(config.connections).map(([name, { type, baseUrl, tenant }]) => ({
    name,
    type,
    system: connectors[type]?.system ?? type,
    baseUrl,
    tenant,
    budget: shownBudget(budgets.find((row) => row.connection === name && row.quota === '')),
  }));
  return {
    result: list<ConnectionView>({
      items,
      empty: 'No connections: add some to baton.yaml.',
      columns: [
        { title: 'Name', value: (connection) => connection.name },
        { title: 'Type', value: (connection) => connection.type },
        { title: 'System', value: (connection) => connection.system },
        {
          title: 'Base URL',
          value: ({ type, baseUrl }) => baseUrl ?? elsewhere[type] ?? 'only sends',
        },
        { title: 'Tenant', value: (connection) => connection.tenant ?? '' },
        { title: 'Limit', value: ({ budget }) => budget?.limit ?? '' },
        { title: 'State', value: ({ budget }) => stateOf(budget) },
      ],
    }),
  };
};

/** None when the control database does not answer: what is configured is shown all the same. */
async function readBudgets(cli: Cli): Promise<readonly BudgetView[]> {
  try {
    const { createBudgetStore } = await import('../../control/budgets.js');
    return await createBudgetStore(await cli.control()).all();
  } catch (error) {
    cli.verbose(`budgets        ${asBatonError(error).message}`);
    return [];
  }
}

function shownBudget(row: BudgetView | undefined): BudgetShown | null {
  if (row === undefined) return null;
  return {
    state: row.state,
    probeInMs: Math.round(row.probe_in_ms),
    failures: row.failures,
    lastError: row.last_error,
    limit: row.rate === null ? null : `${row.rate.requests} per ${row.rate.perMs / 1000} s`,
    backlogMs: Math.round(row.backlog_ms),
    remaining: row.remaining,
  };
}

function stateOf(budget: BudgetShown | null): string {
  if (budget === null) return '';
  if (budget.state === 'closed') return 'up';
  const when =
    budget.probeInMs > 0 ? `asked again in ${Math.ceil(budget.probeInMs / 1000)} s` : 'asked again now';
  return budget.state === 'open' ? `down, ${when}` : 'down, being asked';
}

/** Tests one connection or all; exit code 4 when one fails. */
export const testConnections: Handler = async (cli, [name]) => {
  const config = await cli.config();
  if (name !== undefined && config.connections[name] === undefined) throw unknownConnection(name, config);
  const connectors = await loadConnectors();
  const names =
    name === undefined
      ? Object.entries(config.connections).flatMap(([each, { type, baseUrl }]) =>
          baseUrl !== null || elsewhere[type] !== undefined ? [each] : [],
        )
      : [name];
  const results = await Promise.all(names.map((each) => testOne(cli, config, each, connectors)));
  const shown = one(results, (style) => results.map((result) => describe(result, style)).join(''));
  const failed = results.filter((result) => !result.ok);
  return failed.length === 0 ? { result: shown } : { result: shown, error: testFailed(failed) };
};

async function loadConnectors(): Promise<Readonly<Record<string, Connector>>> {
  return (await import('../../connectors/registry.js')).connectors;
}

async function testOne(
  cli: Cli,
  config: BatonConfig,
  name: string,
  connectors: Readonly<Record<string, Connector>>,
): Promise<TestResult> {
  const { type, baseUrl } = config.connections[name] ?? { type: '', baseUrl: null };
  const checks = secretChecks(config, name);
  const seen = { connection: name, system: connectors[type]?.system ?? type, baseUrl, checks };
  cli.verbose(`testing        ${name}${baseUrl === null ? '' : ` at ${baseUrl}`}`);
  if (checks.some(({ state }) => state === 'failed')) return { ...seen, ok: false, error: null };
  try {
    if (type === 'postgres')
      return await testDatabase(config, { ...seen, ok: false, error: null }, connectors);
    if (type === 'files')
      return await testFiles(cli, config, { ...seen, ok: false, error: null }, connectors);
    const resolved = resolveConnection(config, name, connectors);
    const open = connectors[type]?.open?.(resolved);
    if (open === undefined) return { ...seen, ok: false, error: 'no connector' };
    cli.onClose(async () => open.close());
    const signal = AbortSignal.timeout(cli.settings.timeoutMs ?? 60_000);
    for await (const tick of open.check(signal)) checks.push(tick);
    return { ...seen, ok: checks.every(({ state }) => state !== 'failed'), error: null };
  } catch (error) {
    return { ...seen, ok: false, error: describeError(asBatonError(error)).detail };
  }
}

/** One for each secret of a vault that the connection uses; never its value. */
function secretChecks(config: BatonConfig, name: string): CheckTick[] {
  return vaultSecrets(config, config.connections[name]).map(({ reference, vault, error }) =>
    error === null
      ? { step: 'secret', state: 'ok', detail: `${vault}: ${reference}` }
      : {
          step: 'secret',
          state: 'failed',
          detail: `${vault}: ${error.options.detail}`,
          fix: describeError(error).fix,
        },
  );
}

/** Whether the changes of a database can be followed. */
async function testDatabase(
  config: BatonConfig,
  seen: TestResult,
  connectors: Readonly<Record<string, Connector>>,
): Promise<TestResult> {
  const { checkSource, slotOf } = await import('../../database/changes/source.js');
  const place = changePlace(config, seen.connection, connectors);
  const { tables } = await checkSource(place);
  const slot = await slotOf(place);
  const isLost = slot?.walStatus === 'lost';
  const checks: CheckTick[] = [
    ...seen.checks,
    { step: 'auth', state: 'ok', detail: 'wal_level is logical, and the account may replicate' },
    {
      step: 'scope',
      state: 'ok',
      detail: `publication ${place.publication}: ${tables.join(', ') || 'no table'}`,
    },
    {
      step: 'sample',
      state: isLost ? 'failed' : 'ok',
      detail:
        slot === null
          ? `no slot ${place.slot} yet: it is made when a worker begins`
          : `slot ${place.slot}: ${slot.lagBytes} bytes behind, ${slot.isActive ? 'followed' : 'nobody follows it'}, ${slot.walStatus}`,
      ...(isLost ? { fix: `baton changes restart ${seen.connection}` } : {}),
    },
  ];
  const { host, pathname } = new URL(place.url.reveal());
  return { ...seen, baseUrl: `${host}${pathname}`, ok: !isLost, checks };
}

/** Whether the place of a connection's files can be listed. */
async function testFiles(
  cli: Cli,
  config: BatonConfig,
  seen: TestResult,
  connectors: Readonly<Record<string, Connector>>,
): Promise<TestResult> {
  const { openLake } = await import('../../lake/open.js');
  const { place } = filePlace(config, seen.connection, connectors);
  const lake = await openLake(place);
  cli.onClose(async () => lake.close());
  let files = 0;
  for await (const _ of lake.scan('')) {
    files += 1;
    if (files === 1_000) break;
  }
  const detail = `${files === 1_000 ? 'at least ' : ''}${files} files`;
  const tick = { step: 'sample', state: 'ok', detail } as const;
  return { ...seen, baseUrl: lake.locate('').replace(/\/$/, ''), ok: true, checks: [...seen.checks, tick] };
}

function testFailed(failed: readonly TestResult[]): BatonError {
  const [first] = failed;
  const tick = first?.checks.find(({ state }) => state === 'failed');
  const reason = first?.error ?? (tick === undefined ? '' : `${tick.step}: ${tick.detail}`);
  const others = failed.length > 1 ? ` ${failed.length - 1} more failed too.` : '';
  return new BatonError('ERR_CONNECTION_TEST_FAILED', {
    detail: `Connection "${first?.connection}" did not pass: ${reason.replace(/\.$/, '')}.${others}`,
    where: `connections.${first?.connection}`,
    ...(tick?.fix === undefined ? {} : { fix: tick.fix }),
  });
}

const icons = { ok: '✓', failed: '✗', skipped: '–' } as const;

function describe(result: TestResult, style: Style): string {
  const icon = result.ok ? style.green('✓') : style.red('✗');
  const lines = [
    `${icon} ${style.bold(result.connection)}  ${result.system}${result.baseUrl === null ? '' : ` at ${result.baseUrl}`}`,
    ...result.checks.flatMap(({ step, state, detail, fix }) => {
      const paint = state === 'failed' ? style.red : state === 'ok' ? style.green : style.dim;
      const line = `  ${paint(icons[state])} ${step.padEnd(6)}  ${detail}`;
      return fix === undefined ? [line] : [line, `            ${style.dim(`→ ${fix}`)}`];
    }),
    ...(result.error === null ? [] : [`  ${style.red('✗')} ${result.error}`]),
  ];
  return `${lines.join('\n')}\n`;
}
