/**
 * `node .ci/count.ts REPORT [FAILED STEP]…`: reads vitest's JSON report and ends the run with one plain line,
 * `N passed, N failed`, in which `0 failed` means that nothing at all did: a file that could not be run, a failure
 * outside any test, a report without a test and each failed step count as one.
 */

import { readFileSync } from 'node:fs';

interface Report {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly status: 'passed' | 'failed';
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function count(report: Report, failedSteps: readonly string[] = []): Count {
  const statuses = report.testResults.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status));
  const passed = statuses.filter((status) => status === 'passed').length;
  const failed = statuses.filter((status) => status === 'failed').length;
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((each) => each.status === 'failed'),
  ).length;
  const isUnexplained = failed + brokenFiles === 0 && (!report.success || passed === 0 || failedSteps.includes('test'));
  const otherSteps = failedSteps.filter((step) => step !== 'test').length;
  return {
    passed,
    failed: failed + brokenFiles + (isUnexplained ? 1 : 0) + otherSteps,
    skipped: statuses.length - passed - failed,
  };
}

function read(path: string): Report {
  try {
    // Written by vitest a moment ago; a report of another shape fails below and counts as failed.
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return { success: false, testResults: [] };
  }
}

if (import.meta.main) {
  const [path = '', ...failedSteps] = process.argv.slice(2);
  const { passed, failed, skipped } = count(read(path), failedSteps);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 ? 1 : 0;
}
