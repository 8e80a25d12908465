import { formatAge, formatCount } from '../../cli/render/style.js';
import type { PartName, PartState } from '../probes.js';
import { escapeHtml, layout } from './layout.js';
import type { Overview } from './overview.js';
import { runsTable } from './runs-table.js';

const refreshSeconds = 10;

const titles: Readonly<Record<PartName, string>> = {
  control: 'Control database',
  warehouse: 'Warehouse',
  temporal: 'Temporal',
};

export function homePage(overview: Overview, { refresh }: { readonly refresh: boolean }): string {
  const { temporalUrl, now } = overview;
  const stamp = `${now.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  const pace = refresh
    ? `Refreshes every ${refreshSeconds} s · <a href="/?refresh=off">stop</a>`
    : '<a href="/">Refresh by itself</a>';
  const body = `
<header><h1>Baton</h1>
<p class="lead">Purchase orders and support tickets, moved, checked and acted on; nothing is lost when something breaks.</p>
<p class="quiet"><a href="${escapeHtml(temporalUrl)}">Temporal Web UI</a> · <a href="/metrics">Metrics</a> · <a href="/readyz">Readiness</a></p></header>
<main>
<h2>Parts</h2><ul class="cards">${overview.measures.parts.map(partCard).join('')}${workersCard(overview)}</ul>
<h2>Now</h2><ul class="cards">${nowCards(overview).join('')}</ul>
<h2>Last runs</h2>${runsTable(overview)}
</main>
<footer>${stamp} · ${pace}</footer>`;
  return layout('Baton', body, refresh ? refreshSeconds : null);
}

function card(title: string, value: string, note: string, kind = ''): string {
  return `<li><span class="quiet">${title}</span><b${kind === '' ? '' : ` class="${kind}"`}>${value}</b><small>${note}</small></li>`;
}

function partCard({ part, state, ms, error }: PartState): string {
  if (state === 'up') return card(titles[part], '✓ up', `answered in ${ms} ms`, 'good');
  const cause = error === null ? '' : `${escapeHtml(error.detail)} ${escapeHtml(error.fix)} (${error.code})`;
  return card(titles[part], '✗ down', cause, 'bad');
}

function workersCard({ measures: { pollers } }: Overview): string {
  if (pollers === null) return card('Workers', '? unknown', 'Temporal does not say', 'warn');
  const idle = pollers.filter(({ pollers: count }) => count === 0).map(({ queue }) => queue);
  if (idle.length === 0)
    return card('Workers', '✓ up', `all ${pollers.length} task queues are polled`, 'good');
  return card('Workers', '✗ missing', `nobody polls ${idle.join(', ')}`, 'bad');
}

function nowCards({ measures, sandboxes, now }: Overview): readonly string[] {
  const { control, warehouse } = measures;
  const unknown = (title: string) => card(title, '? unknown', 'the part that knows does not answer', 'warn');
  return [
    control === null ? unknown('Open tickets') : ticketsCard(control.tickets, sandboxes),
    control === null ? unknown('Writes under way') : effectsCard(control.effects),
    warehouse === null ? unknown('Quarantine') : quarantineCard(warehouse.quarantine),
    warehouse === null
      ? unknown('Open discrepancies')
      : card(
          'Open discrepancies',
          formatCount(warehouse.openDiscrepancies),
          'orders that contradict their totals, invoices or rules',
        ),
    warehouse === null ? unknown('Orders up to date') : freshnessCard(warehouse.freshness, now),
  ];
}

function ticketsCard(
  tickets: readonly { readonly connection: string; readonly open: number }[],
  sandboxes: Overview['sandboxes'],
): string {
  const total = tickets.reduce((sum, { open }) => sum + open, 0);
  const places = tickets.map(({ connection, open }) => {
    const page = sandboxes[connection];
    const name = escapeHtml(connection);
    return `${formatCount(open)} at ${page === undefined ? name : `<a href="${escapeHtml(page)}">${name}</a>`}`;
  });
  return card('Open tickets', formatCount(total), places.join(', ') || 'none');
}

function effectsCard(effects: readonly { readonly state: string; readonly count: number }[]): string {
  const count = (states: readonly string[]) =>
    effects.filter(({ state }) => states.includes(state)).reduce((sum, effect) => sum + effect.count, 0);
  const dead = count(['dead']);
  const waiting = count(['intended', 'sending', 'refused', 'unknown', 'absent']);
  const note = `${formatCount(dead)} given up, ${formatCount(count(['held']))} held · <code>npx baton effects list</code>`;
  return card('Writes under way', formatCount(waiting), note, dead > 0 ? 'bad' : '');
}

function quarantineCard(quarantine: readonly { readonly table: string; readonly waiting: number }[]): string {
  const total = quarantine.reduce((sum, { waiting }) => sum + waiting, 0);
  const tables = quarantine.map(({ table, waiting }) => `${formatCount(waiting)} for ${escapeHtml(table)}`);
  const note = total === 0 ? 'none' : `${tables.join(', ')} · <code>npx baton quarantine list</code>`;
  return card('Quarantine', formatCount(total), note, total > 0 ? 'warn' : '');
}

function freshnessCard(
  freshness: readonly { readonly asset: string; readonly seconds: number }[],
  now: Date,
): string {
  const orders = freshness.find(({ asset }) => asset === 'analytics.po_fact');
  if (orders === undefined) return card('Orders up to date', '–', 'nothing is loaded yet');
  const watermark = new Date(now.getTime() - orders.seconds * 1000);
  return card(
    'Orders up to date',
    formatAge(watermark, now),
    'the watermark of analytics.po_fact, by the vendor’s clock',
  );
}
