import { expect, test } from 'vitest';
import { count } from './count.ts';

const file = (status: 'passed' | 'failed', ...statuses: string[]) => ({
  status,
  assertionResults: statuses.map((each) => ({ status: each })),
});

test('tests are counted by how they ended', () => {
  const report = {
    success: false,
    testResults: [file('passed', 'passed', 'pending'), file('failed', 'passed', 'failed')],
  };
  expect(count(report, ['test'])).toEqual({ passed: 2, failed: 1, skipped: 1 });
});

test('a file that could not be run counts as failed', () => {
  expect(count({ success: false, testResults: [file('passed', 'passed'), file('failed')] })).toMatchObject({
    failed: 1,
  });
});

test('a failure outside any test is not lost', () => {
  const report = { success: true, testResults: [file('passed', 'passed')] };
  expect(count({ ...report, success: false })).toMatchObject({ passed: 1, failed: 1 });
  expect(count(report, ['test'])).toMatchObject({ passed: 1, failed: 1 });
});

test('each other step that failed counts', () => {
  const report = { success: true, testResults: [file('passed', 'passed')] };
  expect(count(report, ['lint', 'tidy'])).toEqual({ passed: 1, failed: 2, skipped: 0 });
});

test('a run without a test has failed', () => {
  expect(count({ success: true, testResults: [] })).toEqual({ passed: 0, failed: 1, skipped: 0 });
});
