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
