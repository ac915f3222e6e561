/** What the people who run a server are told: one line per event, never a token, a secret or an argument of a call. */

import type { Diagnostics } from '../core/authority/authority.ts';
import { ForerunError } from '../core/errors.ts';
import type { Level } from './database-diagnostics.ts';

export interface ServerDiagnostics extends Diagnostics {
  /** A view threw, or returned what it may not: it has no rows until what it read changes. */
  readonly viewFailed: (view: string, error: unknown) => void;
  /** The tables in the database file fall behind the log. Nothing is lost, but the next start takes longer. */
  readonly tablesFailed: (error: unknown) => void;
  /** A database with rows had no key beside it: tokens and sessions of before are refused, everybody is somebody new. */
  readonly tokenKeyMade: (file: string) => void;
  /** A reducer has printed something. */
  readonly modulePrinted: (level: Level, reducer: string, text: string) => void;
  /** A bug of ours: handling what a connection sent threw something that is not a ForerunError. */
  readonly connectionFailed: (error: unknown) => void;
}

/** Prints to `write`, by default standard error. */
export function printedDiagnostics(write: (line: string) => void = toStandardError): ServerDiagnostics {
  const print = (line: string): void => write(`forerun: ${line}\n`);
  return {
    reducerThrew: (reducer, error) => print(`reducer ${reducer} threw, its call was rejected: ${described(error)}`),
    viewFailed: (view, error) => print(`view ${view} failed, and has no rows now: ${described(error)}`),
    logFailed: (error) => print(`the log can not be written, calls are refused until it can: ${described(error)}`),
    tablesFailed: (error) => print(`the tables in the database file fall behind the log: ${described(error)}`),
    tokenKeyMade: (file) => print(keyMade(file)),
    modulePrinted: (level, reducer, text) =>
      print(`${level === 'info' ? '' : `${level}: `}reducer ${reducer} printed: ${text}`),
    connectionFailed: (error) => print(`a connection was ended: ${described(error)}`),
  };
}

/** What a new key beside old rows means, and the way out. */
export function keyMade(file: string): string {
  return `${file} was missing, so a new one was made: tokens given out before are refused. To have them back, stop, put the old file there, and start again.`;
}

function toStandardError(line: string): void {
  process.stderr.write(line);
}

/** An error may be its own cause. */
const causesMax = 8;

/** The stack of an error that is not one of ours, and the chain of causes, on one line. */
export function described(error: unknown): string {
  try {
    return description(error);
  } catch {
    return 'an object that throws when it is looked at';
  }
}

function description(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const text = error instanceof ForerunError ? `${error.code}: ${error.message}` : (error.stack ?? String(error));
  const cause =
    error.cause === undefined || depth === causesMax ? '' : ` caused by ${description(error.cause, depth + 1)}`;
  return text.replaceAll(/\s*\n\s*/g, ' | ') + cause;
}
