/**
 * How a command ends that did not succeed: what is wrong and the next step, in a line or two on standard error.
 *
 * | exit code | meaning |
 * | --- | --- |
 * | 1 | it was refused, or failed |
 * | 2 | the command line is wrong |
 * | 3 | no server is reached |
 */

import { CommanderError } from 'commander';
import { harmless, styled, wrapped } from './terminal.ts';

export const exitCodes = { failed: 1, usage: 2, unreachable: 3 } as const;

/** Said as it is, without a stack. */
export class Failure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The process ends by itself, when what it still has to do is done. */
export function exitWith(error: unknown, verbose: boolean): void {
  if (error instanceof CommanderError) {
    // It has said what there is to say.
    process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
    return;
  }
  process.exitCode = error instanceof Failure ? error.exitCode : exitCodes.failed;
  const message = harmless(error instanceof Error ? error.message : String(error));
  const text = wrapped(`forerun: ${message}`, process.stderr);
  process.stderr.write(`${text.replace('forerun:', styled('red', 'forerun:', process.stderr))}\n`);
  if (verbose) process.stderr.write(`${error instanceof Error ? error.stack : ''}\n${causeOf(error)}`);
  else if (!isExpected(error))
    process.stderr.write('This was not expected. Run it again with --verbose to see where it comes from.\n');
}

/** Ours say what to do, whichever copy of us made them. */
function isExpected(error: unknown): boolean {
  return error instanceof Failure || (error instanceof Error && error.name === 'ForerunError');
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? `caused by ${cause.stack}\n${causeOf(cause)}` : '';
}
