import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Writes how many tests passed and failed to the file that BATON_TEST_COUNTS names. A test file that cannot
 * be loaded and an error outside any test count as failures: neither may look like success.
 */
export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const file = process.env['BATON_TEST_COUNTS'];
    if (file === undefined) return;
    const counts = { passed: 0, failed: errors.length };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      counts.passed += tests.filter((test) => stateOf(test) === 'passed').length;
      const failed = tests.filter((test) => stateOf(test) === 'failed').length;
      counts.failed += failed === 0 && module.state() === 'failed' ? 1 : failed;
    }
    writeFileSync(file, JSON.stringify(counts));
  }
}

function stateOf(test: TestCase): string {
  return test.result().state;
}
