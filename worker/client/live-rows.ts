/**
 * A live query's rows on the page: always there, readable without awaiting.
 *
 * Law: `rows` is a new array when the result has changed and the same one otherwise, and a row that has not changed is
 * the same object in both.
 */

import { ForerunError } from '../../core/errors.ts';
import type { RowsUpdate } from './host-api.ts';
import { type MakeRow, rowsOf } from './page-rows.ts';

/** What an app gets from `client.live`. */
export interface LiveRows<Row> {
  /** The result as it is now; empty before the first. */
  readonly rows: readonly Row[];
  /** Whether there has been a result. */
  readonly isReady: boolean;
  /** Why there is none: SQLite's message (query-invalid). */
  readonly error: ForerunError | undefined;
  /** Calls back after each change of the rows. The result stops it. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Resolves with the rows of the first result, or without any when it is closed before; rejects with `query-invalid`. */
  readonly ready: () => Promise<readonly Row[]>;
  /** Stops the query. */
  readonly close: () => void;
}

export class LiveRowsState<Row> implements LiveRows<Row> {
  #rows: readonly Row[] = [];
  #isReady = false;
  #isClosed = false;
  #error: ForerunError | undefined;
  readonly #listeners = new Set<() => void>();
  /** Who waits for the first result. */
  readonly #waiting = new Set<() => void>();
  readonly #onClose: () => void;
  #rowOf: MakeRow | undefined;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get error(): ForerunError | undefined {
    return this.#error;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  ready = (): Promise<readonly Row[]> =>
    new Promise((resolve, reject) => {
      const settle = (): boolean => {
        if (this.#error !== undefined) reject(this.#error);
        else if (this.#isReady || this.#isClosed) resolve(this.#rows);
        else return false;
        return true;
      };
      if (settle()) return;
      const wake = (): void => void (settle() && this.#waiting.delete(wake));
      this.#waiting.add(wake);
    });

  close = (): void => {
    this.#onClose();
    this.#isClosed = true;
    this.#listeners.clear();
    for (const wake of [...this.#waiting]) wake();
  };

  /** From the host. */
  update({ shape, change, fresh }: RowsUpdate): void {
    if (shape !== undefined) this.#rowOf = rowsOf(shape);
    // What the types say of the query, the host says of its rows.
    const next = fresh.map((values) => this.#rowOf?.(values)) as Row[];
    this.#rows =
      change.type === 'order' ? ordered(this.#rows, change.places, next) : edited(this.#rows, change.places, next);
    this.#isReady = true;
    this.#error = undefined;
    this.#notify();
  }

  fail(message: string, detail: unknown): void {
    this.#error = new ForerunError('query-invalid', message, { detail });
    this.#notify();
  }

  #notify(): void {
    for (const wake of [...this.#waiting]) wake();
    for (const listener of [...this.#listeners]) listener();
  }
}

function ordered<Row>(last: readonly Row[], places: Int32Array, fresh: readonly Row[]): Row[] {
  const rows: Row[] = [];
  let taken = 0;
  for (const place of places) rows.push((place < 0 ? fresh[taken++] : last[place]) as Row);
  return rows;
}

function edited<Row>(last: readonly Row[], places: Int32Array, fresh: readonly Row[]): readonly Row[] {
  if (places.length === 0) return last;
  const rows = [...last];
  let taken = 0;
  for (const place of places) {
    if (place < 0) rows.splice(-1 - place, 1);
    else rows.splice(place, 0, fresh[taken++] as Row);
  }
  return rows;
}
