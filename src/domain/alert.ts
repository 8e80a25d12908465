/** An alert as any monitoring system tells it: one state of one thing that it watches. */
export interface Alert {
  /** The same for the same thing: the sender's own. */
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly severity: Severity;
  /** What is concerned; null when it is not said. */
  readonly service: string | null;
  /** The rule or monitor that fires. */
  readonly name: string;
  /** One line for a person. */
  readonly title: string;
  readonly labels: Readonly<Record<string, string>>;
  /** When this occurrence began, RFC 3339 in UTC. */
  readonly startsAt: string;
  /** When it came into this state. */
  readonly at: string;
  /** Where a person looks at it. */
  readonly url: string | null;
  /** How many alerts did not fit into the notification that told of this one; all did when not given. */
  readonly leftOut?: number;
}

/** From the worst to the least. */
export const severities = ['critical', 'error', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

const words: Readonly<Record<string, Severity>> = {
  critical: 'critical',
  crit: 'critical',
  page: 'critical',
  emergency: 'critical',
  alert: 'critical',
  fatal: 'critical',
  p1: 'critical',
  error: 'error',
  err: 'error',
  major: 'error',
  high: 'error',
  p2: 'error',
  warning: 'warning',
  warn: 'warning',
  minor: 'warning',
  p3: 'warning',
  info: 'info',
  information: 'info',
  notice: 'info',
  low: 'info',
  p4: 'info',
  p5: 'info',
  none: 'info',
};

/** What a sender's word means; an unknown or missing one is `error`: it must not be overlooked, and wakes nobody. */
export function severityOf(word: string | null): Severity {
  return words[word?.trim().toLowerCase() ?? ''] ?? 'error';
}
