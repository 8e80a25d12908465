import { defineConfig } from 'vitest/config';

/** A tier is the suffix of its files; each has the time it needs and starts only the servers it uses. */
function tier(
  name: string,
  testTimeout: number,
  globalSetup: string[],
  include = [`test/**/*.${name}.test.ts`],
) {
  return {
    extends: true as const,
    test: {
      name,
      include,
      globalSetup,
      testTimeout,
      hookTimeout: 60_000,
      exclude: name === 'chaos' ? [] : ['test/chaos/**'],
    },
  };
}

export default defineConfig({
  test: {
    // On two processors: a third file runs while others wait for a server or a timer.
    maxWorkers: 3,
    pool: 'forks',
    reporters: ['default', './test/setup/counts-reporter.ts'],
    projects: [
      tier('unit', 10_000, []),
      tier('workflow', 60_000, ['test/setup/postgres.ts', 'test/setup/temporal.ts']),
      tier('integration', 60_000, ['test/setup/postgres.ts', 'test/setup/temporal.ts']),
      tier('e2e', 180_000, ['test/setup/postgres.ts', 'test/setup/temporal.ts']),
      tier('chaos', 600_000, ['test/setup/temporal.ts'], ['test/chaos/**/*.test.ts']),
    ],
  },
});
