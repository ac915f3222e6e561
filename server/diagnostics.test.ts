import { expect, test } from 'vitest';
import { ForerunError } from '../core/errors.ts';
import { printedDiagnostics } from './diagnostics.ts';

test('each event is one line: with the stack of the user’s errors, with code, message and cause of ours', () => {
  const lines: string[] = [];
  const diagnostics = printedDiagnostics((line) => lines.push(line));
  diagnostics.reducerThrew('move', new TypeError('x is\nundefined'));
  diagnostics.logFailed(new ForerunError('log-unavailable', 'Make room.', { cause: new Error('ENOSPC') }));
  diagnostics.tablesFailed('a string');
  diagnostics.connectionFailed(undefined);
  expect(lines.length).toBe(4);
  for (const line of lines) expect(line).toMatch(/^forerun: [^\n]+\n$/);
  expect(lines[0]).toMatch(/reducer move threw.*TypeError: x is \| undefined \| at .*diagnostics\.test\.ts/);
  expect(lines[1]).toMatch(/: log-unavailable: Make room\. caused by Error: ENOSPC/);
});

test('an error that can not be looked at, or is its own cause, is one line as well', () => {
  const lines: string[] = [];
  const diagnostics = printedDiagnostics((line) => lines.push(line));
  const hostile = new Error('x');
  Object.defineProperty(hostile, 'stack', { get: () => fail() });
  diagnostics.reducerThrew('move', hostile);
  diagnostics.reducerThrew('move', new Proxy({}, { getPrototypeOf: fail }));
  const circle = new Error('round');
  circle.cause = circle;
  diagnostics.reducerThrew('move', circle);
  expect(lines.map((line) => line.length < 20_000 && /^forerun: [^\n]+\n$/.test(line))).toEqual([true, true, true]);
});

function fail(): never {
  throw new Error('looked at');
}
