import { type Alert, severityOf } from '../../domain/alert.js';
import { textAt } from '../hooks/content.js';

const resolving = new Set(['recovered', 'ok']);
const warning = new Set(['warn', 're-warn']);

/**
 * The alert of a notification in the template of docs/how-to/webhooks.md. All values are texts, and one that is not set
 * is empty or the text `null`. A cycle, from trigger to recovery, has one key.
 * https://docs.datadoghq.com/integrations/webhooks/
 */
export function datadogAlerts(content: unknown): Alert[] {
  const value = (name: string) => {
    const text = textAt(content, name);
    return text === null || text === 'null' ? null : text;
  };
  const ms = Number(value('date'));
  const at = Number.isSafeInteger(ms) && ms > 0 && ms < 4_102_444_800_000 ? new Date(ms).toISOString() : null;
  const scope = value('alert_scope') ?? '';
  const cycle = value('alert_cycle_key') ?? value('aggreg_key') ?? value('alert_id');
  if (at === null || cycle === null) return [];
  const transition = value('alert_transition')?.toLowerCase() ?? '';
  const labels = { ...pairsOf(value('tags')), ...pairsOf(scope) };
  const priority = value('alert_priority');
  return [
    {
      fingerprint: `${cycle} ${scope}`.trim(),
      status: resolving.has(transition) ? 'resolved' : 'firing',
      severity: warning.has(transition) ? 'warning' : severityOf(priority ?? value('alert_type')),
      service: labels['service'] ?? labels['host'] ?? value('hostname'),
      name: nameOf(value('title') ?? cycle),
      title: value('title') ?? cycle,
      labels,
      // The cycle's first notification is not in the later ones: each state begins when it is told.
      startsAt: at,
      at,
      url: value('link'),
    },
  ];
}

/** `[Triggered on {host:a}] CPU is high` is the monitor `CPU is high`. */
function nameOf(title: string): string {
  return title.replace(/^\[[^\]]*\]\s*/, '').trim() || title;
}

/** `env:prod,service:checkout` */
function pairsOf(text: string | null): Record<string, string> {
  const pairs = (text ?? '').split(',').flatMap((pair): [string, string][] => {
    const at = pair.indexOf(':');
    return at > 0 ? [[pair.slice(0, at).trim(), pair.slice(at + 1).trim()]] : [];
  });
  return Object.fromEntries(pairs);
}
