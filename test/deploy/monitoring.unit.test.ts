import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { definitions } from '../../src/gateway/metrics/metrics.js';
import { projectRoot } from '../setup/shared.js';

const read = (file: string) => readFileSync(path.join(projectRoot, file), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, unknown> };

/** Each exposed name with the labels that it may carry. */
const exposed = new Map<string, ReadonlySet<string>>(
  definitions.flatMap(({ name, type, labels }) => {
    const known = new Set(Object.keys(labels));
    return type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((suffix) => [name + suffix, known] as const)
      : [[name, known] as const];
  }),
);

function check(expression: string): void {
  const uses = [...expression.matchAll(/\b(baton_[a-z_]+)(?:\{([^}]*)\})?/g)];
  expect(uses.length, expression).toBeGreaterThan(0);
  for (const [, name = '', selector = ''] of uses) {
    expect([...exposed.keys()], expression).toContain(name);
    const labels = [...selector.matchAll(/([a-z_]+)\s*[=!]/g)].map((match) => match[1]);
    for (const label of labels) expect([...(exposed.get(name) ?? [])], expression).toContain(label);
  }
  const names = uses.map(([, name = '']) => name);
  const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap((match) =>
    (match[1] ?? '').split(/,\s*/),
  );
  for (const label of grouped)
    expect(
      names.some((name) => exposed.get(name)?.has(label)),
      `${expression}: ${label}`,
    ).toBe(true);
}

describe('what watches Baton', () => {
  it('has dashboards that ask only for metrics and labels that exist', () => {
    const folder = 'deploy/grafana/dashboards';
    const files = readdirSync(path.join(projectRoot, folder));
    expect(files).toContain('baton.json');
    for (const file of files) {
      const { panels } = JSON.parse(read(`${folder}/${file}`)) as {
        panels: { id: number; targets: { expr: string }[]; gridPos: { x: number; w: number } }[];
      };
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      for (const { targets, gridPos } of panels) {
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
        for (const { expr } of targets) check(expr);
      }
    }
  });

  it('has alerts on metrics that exist', () => {
    const { groups } = parse(read('deploy/prometheus/alerts.yml')) as {
      groups: { rules: { alert: string; expr: string; annotations: { summary: string } }[] }[];
    };
    const rules = groups.flatMap(({ rules: all }) => all);
    for (const { alert, expr, annotations } of rules) {
      expect(annotations.summary, alert).not.toBe('');
      if (!expr.startsWith('up{')) check(expr);
    }
  });

  it('scrapes services of the compose file and finds its rules and token', () => {
    const config = parse(read('deploy/prometheus/prometheus.yml')) as {
      rule_files: string[];
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const targets = config.scrape_configs.flatMap((job) =>
      job.static_configs.flatMap((each) => each.targets),
    );
    for (const target of targets) expect(compose.services).toHaveProperty(target.split(':')[0] ?? '');
    for (const file of config.rule_files)
      expect(existsSync(path.join(projectRoot, 'deploy/prometheus', file))).toBe(true);
    expect(read('deploy/prometheus/prometheus.yml')).toContain('/run/secrets/gateway_token');
  });

  it('has a reference page that says of each metric what the code says', () => {
    const page = read('docs/reference/metrics.md');
    for (const { name, type, help, labels } of definitions) {
      const words = Object.entries(labels).map(([label, meaning]) => `\`${label}\`: ${meaning}`);
      expect(page).toContain(`| \`${name}\` | ${type} | ${help} | ${words.join('<br>')} |`);
    }
    const documented = [...page.matchAll(/^\| `(baton_[a-z_]+)`/gm)].map((match) => match[1]);
    expect(documented).toEqual(definitions.map(({ name }) => name));
  });
});
