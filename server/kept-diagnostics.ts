/** What people are told of a server, and what of it the database keeps for its owner. */

import { DatabaseDiagnostics } from './database-diagnostics.ts';
import { described, keyMade, type ServerDiagnostics } from './diagnostics.ts';

export class KeptDiagnostics {
  /** All that is told goes through it. */
  readonly all: ServerDiagnostics;
  #lines = new DatabaseDiagnostics(undefined);

  constructor(told: ServerDiagnostics) {
    this.all = {
      ...told,
      reducerThrew: (reducer, error) => {
        told.reducerThrew(reducer, error);
        this.#lines.write('error', `It threw, and its call was rejected: ${described(error)}`, reducer);
      },
      viewFailed: (view, error) => {
        told.viewFailed(view, error);
        this.#lines.write('error', `The view ${view} failed, and has no rows now: ${described(error)}`);
      },
      modulePrinted: (level, reducer, text) => {
        told.modulePrinted(level, reducer, text);
        this.#lines.write(level, text, reducer);
      },
      logFailed: (error) => {
        told.logFailed(error);
        this.#lines.write('error', `The log can't be written, calls are refused until it can: ${described(error)}`);
      },
      tokenKeyMade: (file) => {
        told.tokenKeyMade(file);
        this.#lines.write('warn', keyMade(file));
      },
      tablesFailed: (error) => {
        told.tablesFailed(error);
        this.#lines.write('warn', `The tables in the database file fall behind the log: ${described(error)}`);
      },
    };
  }

  get lines(): DatabaseDiagnostics {
    return this.#lines;
  }

  /** Once the folder is there: what was told before stays in front. */
  keepIn(file: string | undefined): void {
    const before = this.#lines.newest(Number.POSITIVE_INFINITY);
    this.#lines = new DatabaseDiagnostics(file);
    for (const { level, message, reducer } of before) this.#lines.write(level, message, reducer);
  }
}
