/**
 * A live query of any SQL: run again when a table that it reads has changed.
 *
 * A run is done in slices, so that calls come in between. When a table it reads changes meanwhile, or the engine leaves
 * the state that the run began on, it begins anew; after some such beginnings it runs to its end in one go. What SQLite does before the first row (sorting, grouping) can not be
 * sliced: a query whose slices take long is run so seldom that it has a quarter of the time at most.
 */

import type { Statement } from '../../core/engine/database.ts';
import type { Engine } from '../../core/engine/engine.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { tablesRead } from '../../core/query/dependencies.ts';
import { needsExact } from '../../core/query/select.ts';
import { type Difference, difference } from './row-difference.ts';
import { sliceMs } from './slices.ts';

export interface SqlQueryOptions {
  readonly engine: Engine;
  readonly sql: string;
  readonly params: readonly SqlValue[];
  /** What the app gets for a row; without it, what SQLite gave. */
  readonly shown?: (row: readonly SqlValue[]) => SqlValue[];
  readonly nowMs: () => number;
}

const rowsPerLook = 64;
const restartsMax = 4;
/** After a slow run, so many times as long is left to others. */
const restPerRun = 3;

interface Run {
  readonly rows: Generator<SqlValue[], undefined>;
  readonly taken: SqlValue[][];
  ms: number;
}

export class SqlQuery {
  readonly columns: readonly string[];
  readonly #options: SqlQueryOptions;
  readonly #statement: Statement;
  readonly #tables: ReadonlySet<number>;
  #last: readonly string[] | undefined;
  #isStale = true;
  #run: Run | undefined;
  #restarts = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  /** Throws `query-invalid`. */
  constructor(options: SqlQueryOptions) {
    this.#options = options;
    this.#statement = options.engine.query(options.sql);
    try {
      this.#tables = tablesRead(options.engine, options.sql);
      this.columns = this.#statement.columnNames();
    } catch (error) {
      this.#statement.free();
      throw error;
    }
  }

  get isStale(): boolean {
    return this.#isStale;
  }

  /** When it may run, of `nowMs`. */
  get notBeforeMs(): number {
    return this.#notBeforeMs;
  }

  touch(tableId: number): void {
    if (!this.#tables.has(tableId)) return;
    this.interrupt();
    this.#isStale = true;
  }

  /** A run under way begins anew: what it has not read yet is no longer of the state that it began on. */
  interrupt(): void {
    if (this.#run === undefined) return;
    this.#restarts++;
    this.#stop();
  }

  /** Goes on for a slice; undefined while there is more to do, and when the result is the same. Throws `query-invalid`. */
  refresh(): Difference<SqlValue[]> | undefined {
    const { engine, params, shown, nowMs } = this.#options;
    const startMs = nowMs();
    if (this.#run === undefined) engine.flush();
    this.#run ??= { rows: this.#statement.rows(params, needsExact), taken: [], ms: 0 };
    const { rows, taken } = this.#run;
    const endMs = this.#restarts >= restartsMax ? Number.POSITIVE_INFINITY : startMs + sliceMs;
    try {
      for (let row = rows.next(); row.done !== true; row = rows.next()) {
        taken.push(shown?.(row.value) ?? row.value);
        if (taken.length % rowsPerLook === 0 && nowMs() >= endMs) {
          this.#run.ms += nowMs() - startMs;
          return undefined;
        }
      }
    } catch (error) {
      this.#stop();
      this.#isStale = false;
      throw error;
    }
    const ms = this.#run.ms + nowMs() - startMs;
    this.#run = undefined;
    this.#restarts = 0;
    this.#isStale = false;
    this.#notBeforeMs = ms > sliceMs ? nowMs() + restPerRun * ms : Number.NEGATIVE_INFINITY;
    return this.#differenceTo(taken);
  }

  close(): void {
    this.#stop();
    this.#statement.free();
  }

  #differenceTo(rows: readonly SqlValue[][]): Difference<SqlValue[]> | undefined {
    const { last } = { last: this.#last };
    const found = difference(last ?? [], rows, rowKey);
    if (found !== undefined) this.#last = rows.map(rowKey);
    if (last !== undefined) return found;
    this.#last ??= [];
    return found ?? { order: new Int32Array(0), fresh: [] };
  }

  #stop(): void {
    this.#run?.rows.return(undefined);
    this.#run = undefined;
  }
}

/** Equal for equal rows only: each value is led by its type, texts and blobs by their length. */
function rowKey(row: readonly SqlValue[]): string {
  let key = '';
  for (const value of row) {
    if (typeof value === 'string') key += `t${value.length}:${value}`;
    else if (value === null) key += 'n';
    else if (typeof value === 'object') key += `b${value.length}:${value.join()}`;
    else key += `${value};`;
  }
  return key;
}
