/**
 * The one door to sql.js: an in-memory SQLite database, arranged for speed without giving up statement atomicity.
 *
 * sql.js's default database is a file in an emulated file system with a rollback journal that is created and deleted by
 * each transaction. Here one long transaction is kept open over `journal_mode=MEMORY, locking_mode=EXCLUSIVE,
 * synchronous=OFF`: as fast as an attached `:memory:` database or no journal at all, and unlike those it can be
 * exported, and a statement that fails half-way is undone by SQLite itself. The long transaction is committed before an
 * export and now and then, which bounds its journal (docs/decisions/0002-sqlite-arrangement.md).
 */

import initSqlJs, { type Database as SqlJsDatabase, type SqlJsStatic, type Statement as SqlJsStatement } from 'sql.js';
import { ForerunError } from '../errors.ts';
import { unguarded } from '#guard';
import type { SqlValue } from './sql-value.ts';

export interface DatabaseOptions {
  /** A database file to start from, as `export` gave it. */
  readonly image?: Uint8Array;
  /** What is deleted is overwritten, so that nothing of it is in an export. */
  readonly overwritesDeleted?: boolean;
}

let loading: Promise<SqlJsStatic> | undefined;

/** Loads sql.js once for this realm. Its WebAssembly lies beside this file, where bundlers and Node find it alike. */
export function loadSqlite(): Promise<SqlJsStatic> {
  loading ??= keepingByteOrderMarks(() =>
    initSqlJs({ locateFile: () => new URL('./sqlite.wasm', import.meta.url).href }),
  );
  return loading;
}

/**
 * sql.js makes the decoder of all its texts when it starts, and a TextDecoder swallows a byte order mark unless told
 * otherwise: while it starts, it is told otherwise.
 */
function keepingByteOrderMarks<T>(start: () => T): T {
  const home = globalThis as { TextDecoder: typeof TextDecoder };
  const Plain = home.TextDecoder;
  home.TextDecoder = class extends Plain {
    constructor(label?: string, options?: TextDecoderOptions) {
      super(label, { ...options, ignoreBOM: true });
    }
  };
  try {
    return start();
  } finally {
    home.TextDecoder = Plain;
  }
}

/**
 * sql.js's own types leave bigints out of bindings (it takes them) and the second parameter of `get` (it has one), so
 * values cross it through this.
 */
interface LooseStatement {
  bind(params: readonly SqlValue[]): boolean;
  run(params: readonly SqlValue[]): void;
  get(params: null, config: { readonly useBigInt: boolean }): SqlValue[];
  get(): SqlValue[];
  step(): boolean;
  reset(): void;
  free(): boolean;
  getColumnNames(): string[];
}

/** Changed pages the journal may hold before the long transaction is renewed. */
const changesPerTransactionMax = 50_000;

export class Database {
  readonly #sqlite: SqlJsStatic;
  readonly #db: SqlJsDatabase;
  readonly #statements = new Map<string, Statement>();
  #changes = 0;

  private constructor(sqlite: SqlJsStatic, db: SqlJsDatabase, overwritesDeleted: boolean) {
    this.#sqlite = sqlite;
    this.#db = db;
    if (overwritesDeleted) db.run('PRAGMA secure_delete=ON');
    db.run(
      'PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536',
    );
    db.run('BEGIN');
  }

  static async open(options: DatabaseOptions = {}): Promise<Database> {
    const sqlite = await loadSqlite();
    return new Database(sqlite, new sqlite.Database(options.image), options.overwritesDeleted === true);
  }

  /** Another one, with nothing in it. */
  another(): Database {
    return new Database(this.#sqlite, new this.#sqlite.Database(), false);
  }

  /** Runs SQL of our own making that returns nothing. */
  run(sql: string): void {
    this.#db.run(sql);
  }

  /** The same text gives the same statement, which stays prepared until `close`. */
  prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.prepareOnce(sql)));
    return statement;
  }

  /** A statement that its caller frees. Throws `query-invalid` with SQLite's own message and the text. */
  prepareOnce(sql: string): Statement {
    try {
      return new Statement(this.#db.prepare(sql), sql);
    } catch (cause) {
      throw queryError(cause, sql);
    }
  }

  /** Told after bulk writes, so that the journal of the long transaction stays small. */
  noteChanges(count: number): void {
    this.#changes += count;
    if (this.#changes >= changesPerTransactionMax) this.#renew();
  }

  /** The whole database as a file. */
  export(): Uint8Array {
    this.#db.run('COMMIT');
    try {
      return this.#db.export();
    } finally {
      this.#db.run('BEGIN');
      this.#changes = 0;
    }
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.free();
    this.#statements.clear();
    this.#db.close();
  }

  #renew(): void {
    unguarded(() => this.#db.run('COMMIT; BEGIN'));
    this.#changes = 0;
  }
}

/** Each use may make SQLite write changed pages to its file, whose times it keeps: hence `unguarded`. */
export class Statement {
  readonly #statement: LooseStatement;
  readonly sql: string;

  constructor(statement: SqlJsStatement, sql: string) {
    this.#statement = statement as unknown as LooseStatement;
    this.sql = sql;
  }

  /** Binds, runs to the end, resets. */
  run(params: readonly SqlValue[]): void {
    try {
      unguarded(() => this.#statement.run(params));
    } catch (cause) {
      throw queryError(cause, this.sql);
    }
  }

  /** First row, or undefined. `needsExact` looks at a row read as doubles and says whether to read it again as bigints. */
  get(params: readonly SqlValue[], needsExact?: (row: readonly SqlValue[]) => boolean): SqlValue[] | undefined {
    return this.#query(params, needsExact, 1)[0];
  }

  /** All rows, read as `get` reads one. */
  all(params: readonly SqlValue[], needsExact?: (row: readonly SqlValue[]) => boolean): SqlValue[][] {
    return this.#query(params, needsExact, Number.POSITIVE_INFINITY);
  }

  /** Row after row as they are read; whatever runs in between must not write to the tables that it reads. */
  *rows(
    params: readonly SqlValue[],
    needsExact?: (row: readonly SqlValue[]) => boolean,
  ): Generator<SqlValue[], undefined> {
    const statement = this.#statement;
    try {
      unguarded(() => statement.bind(params));
      while (unguarded(() => statement.step())) yield this.#row(needsExact);
    } catch (cause) {
      throw queryError(cause, this.sql);
    } finally {
      statement.reset();
    }
    return undefined;
  }

  columnNames(): string[] {
    return this.#statement.getColumnNames();
  }

  free(): void {
    this.#statement.free();
  }

  #query(
    params: readonly SqlValue[],
    needsExact: ((row: readonly SqlValue[]) => boolean) | undefined,
    rowsMax: number,
  ): SqlValue[][] {
    const statement = this.#statement;
    const rows: SqlValue[][] = [];
    try {
      unguarded(() => {
        statement.bind(params);
        while (rows.length < rowsMax && statement.step()) rows.push(this.#row(needsExact));
      });
    } catch (cause) {
      throw queryError(cause, this.sql);
    } finally {
      statement.reset();
    }
    return rows;
  }

  #row(needsExact: ((row: readonly SqlValue[]) => boolean) | undefined): SqlValue[] {
    const row = this.#statement.get();
    if (needsExact?.(row) === true) return this.#statement.get(null, { useBigInt: true });
    return row;
  }
}

function queryError(cause: unknown, sql: string): ForerunError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ForerunError('query-invalid', `SQLite refused the query: ${message}\n  ${sql}`, {
    detail: { sql },
    cause,
  });
}
