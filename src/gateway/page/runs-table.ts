import { formatAge, formatCount, formatSeconds } from '../../cli/render/style.js';
import type { RunRow } from '../../control/runs.js';
import type { RunState } from '../../protocol/names.js';
import { escapeHtml } from './layout.js';
import type { Overview } from './overview.js';

const marks: Readonly<Record<RunState, readonly [icon: string, kind: string]>> = {
  queued: ['◌', 'quiet'],
  running: ['▶', 'busy'],
  waiting: ['‖', 'busy'],
  succeeded: ['✓', 'good'],
  partial: ['◐', 'warn'],
  failed: ['✗', 'bad'],
  cancelled: ['⦸', 'quiet'],
  skipped: ['⦸', 'quiet'],
};

/** The last runs, newest first, each with its link to the Temporal Web UI. */
export function runsTable(overview: Overview): string {
  const { runs } = overview;
  if (runs === null) return '<p class="warn">? unknown: the control database does not answer.</p>';
  if (runs.length === 0)
    return '<p class="quiet">None yet. Start one: <code>npx baton run po_data_pipeline --wait</code></p>';
  return `<div class="wide"><table><thead><tr><th>State</th><th>Run</th><th>Pipeline</th><th>Logical time (UTC)</th>
<th class="n">Read</th><th class="n">Loaded</th><th class="n">Quarantined</th><th class="n">Duration</th><th>Started</th><th>Note</th></tr></thead>
<tbody>${runs.map((run) => runRow(run, overview)).join('\n')}</tbody></table></div>`;
}

function runRow(run: RunRow, { now, temporalUrl, namespace }: Overview): string {
  const [icon, kind] = marks[run.state];
  const address = `${temporalUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(run.id)}`;
  const tenant = run.tenant === 'default' ? '' : ` <span class="quiet">${escapeHtml(run.tenant)}</span>`;
  const time = run.logical_time.toISOString().slice(0, 19).replace('T', ' ');
  const cells = [
    `<td class="${kind}">${icon} ${run.state}</td>`,
    `<td><a href="${escapeHtml(address)}"><code>${escapeHtml(run.short_id)}</code></a></td>`,
    `<td>${escapeHtml(run.pipeline)}${tenant}</td>`,
    `<td>${time}</td>`,
    number(run.receipt?.read),
    number(run.receipt?.loaded),
    number(run.receipt?.quarantined),
    `<td class="n">${duration(run, now)}</td>`,
    `<td>${formatAge(run.started_at ?? run.created_at, now)}</td>`,
    `<td class="note">${run.error === null ? '' : `${escapeHtml(run.error.detail)} (${escapeHtml(run.error.code)})`}</td>`,
  ];
  return `<tr>${cells.join('')}</tr>`;
}

function number(value: number | undefined): string {
  return `<td class="n">${value === undefined ? '' : formatCount(value)}</td>`;
}

function duration({ started_at, ended_at }: RunRow, now: Date): string {
  if (started_at === null) return '';
  return formatSeconds((ended_at ?? now).getTime() - started_at.getTime());
}
