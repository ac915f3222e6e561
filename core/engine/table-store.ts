/**
 * One table's rows: a cache by key in front of a SQLite table that is written behind.
 *
 * Law: the rows of the table are the cached ones, and for keys that the cache doesn't know those in SQLite. A cached key
 * is dirty when SQLite doesn't have it yet; `flush` makes SQLite complete, and must come before any scan or SQL over the
 * table. While `#complete`, the cache holds every row, so a key that it doesn't know does not exist.
 *
 * Rows in here are canonical; those of `read` and `select` may be the cache's own, and are not to be handed out.
 */

import { assert } from '../assert.ts';
import type { Key, Row } from '../commit/row-change.ts';
import { limits } from '../limits.ts';
import type { Database } from './database.ts';
import {
  columnName,
  createIndexes,
  createTable,
  deleteByKey,
  keyColumnName,
  quote,
  storedColumns,
  upsert,
} from './ddl.ts';
import { PageCache } from './page-cache.ts';
import { ObjectCache, type RowCache } from './row-cache.ts';
import type { RowShape } from './row-shape.ts';
import type { SqlValue } from './sql-value.ts';

export interface StoreLimits {
  readonly cachedRowsMax: number;
  readonly dirtyRowsMax: number;
}

const upsertRowsPerStatement = 32;
const integerTypes: ReadonlySet<string> = new Set(['u8', 'u16', 'u32', 'i8', 'i16', 'i32', 'u64', 'i64', 'timestamp']);

export class TableStore {
  readonly shape: RowShape;
  /** Number of rows. */
  count = 0;
  readonly #database: Database;
  readonly #limits: StoreLimits;
  readonly #cache: RowCache;
  #dirty: Key[] = [];
  #complete = true;
  readonly #selectByKey: string;

  constructor(database: Database, shape: RowShape, storeLimits: StoreLimits = limits) {
    this.#database = database;
    this.shape = shape;
    this.#limits = storeLimits;
    const { table } = shape;
    this.#cache = hasPages(shape) ? new PageCache(shape.codec, shape.copy) : new ObjectCache(shape.copy);
    database.run(createTable(table));
    for (const index of createIndexes(table)) database.run(index);
    this.#selectByKey = `SELECT ${selectList(shape)} FROM ${quote(table.name)} WHERE ${quote(keyColumnName(table))} = ?`;
    this.adoptStoredRows();
  }

  /** The row with this key; ours, not to be handed out. */
  read(key: Key): Row | undefined {
    const row = this.#cache.get(key);
    if (row !== undefined) return row ?? undefined;
    return this.#complete ? undefined : this.#load(key);
  }

  /** The row with this key, as an object that is the caller's. */
  readCopy(key: Key): Row | undefined {
    const row = this.#cache.getCopy(key);
    if (row !== undefined) return row ?? undefined;
    const loaded = this.#complete ? undefined : this.#load(key);
    return loaded === undefined ? undefined : this.shape.copy(loaded);
  }

  has(key: Key): boolean {
    return this.read(key) !== undefined;
  }

  /** Sets the row of a key, or with undefined removes it; gives what was there. */
  write(key: Key, row: Row | undefined): Row | undefined {
    const before = this.read(key);
    if (before === undefined) {
      if (row === undefined) return undefined;
      this.count++;
    } else if (row === undefined) this.count--;
    if (this.#cache.put(key, row) && this.#dirty.push(key) >= this.#limits.dirtyRowsMax) this.flush();
    return before;
  }

  /** Makes SQLite hold exactly the rows of this table. When it throws, nothing is lost: the rows are still to be written. */
  flush(): void {
    this.flushSome(Number.POSITIVE_INFINITY);
  }

  /** Writes so many of the rows that wait, for whoever has no time for all; gives whether none waits any more. */
  flushSome(rowsMax: number): boolean {
    const waiting = this.#dirty;
    if (waiting.length === 0) return true;
    const isAll = waiting.length <= rowsMax;
    const keys = isAll ? waiting : waiting.slice(0, rowsMax);
    this.#dirty = isAll ? [] : waiting.slice(rowsMax);
    const removed: Key[] = [];
    try {
      this.#store(keys, removed);
    } catch (error) {
      // The cache has all of them, but those that it was told to forget.
      for (const key of keys) this.#cache.put(key, this.#cache.get(key) ?? undefined);
      for (const key of removed) this.#cache.put(key, undefined);
      this.#dirty = waiting;
      throw error;
    }
    this.#database.noteChanges(keys.length);
    this.#evict();
    return isAll;
  }

  /**
   * Rows of this table that SQLite finds, in its order. `where` is SQL of our own making after FROM; its parameters are
   * bound.
   */
  select(where: string, params: readonly SqlValue[]): Row[] {
    this.flush();
    const { table, sql } = this.shape;
    const statement = this.#database.prepare(`SELECT ${selectList(this.shape)} FROM ${quote(table.name)} ${where}`);
    return statement.all(params, sql.needsExact).map(sql.fromSql);
  }

  /** For `select`: the rows with a value in a column, found by an index, which is made if there is none. */
  equalTo(column: number): string {
    const { table } = this.shape;
    const name = quote(columnName(table, column));
    const isIndexed = column === table.primaryKey || table.indexes.some(({ columns }) => columns[0] === column);
    // No table of a module's has a name that begins with an underscore.
    const index = quote(`_${table.name}_${columnName(table, column)}`);
    if (!isIndexed) this.#database.run(`CREATE INDEX IF NOT EXISTS ${index} ON ${quote(table.name)} (${name})`);
    return `WHERE ${name} = ?`;
  }

  /** The next rows by SQLite's order of the key; undefined starts at the beginning. */
  page(after: Key | undefined, rowsMax: number): Row[] {
    const { table, sql } = this.shape;
    const key = quote(keyColumnName(table));
    if (after === undefined) return this.select(`ORDER BY ${key} LIMIT ?`, [rowsMax]);
    return this.select(`WHERE ${key} > ? ORDER BY ${key} LIMIT ?`, [sql.keyToSql(after), rowsMax]);
  }

  /** These rows of SQLite's as reducers find them: what the row cache has of them goes first. */
  asRead(rows: readonly Row[]): Row[] {
    return rows.flatMap((row) => {
      const cached = this.#cache.get(this.shape.keyOf(row));
      return cached === undefined ? [row] : cached === null ? [] : [cached];
    });
  }

  /**
   * Writes rows straight to SQLite, past the cache: for snapshots and recovery, where nothing reads them soon. The
   * caller knows that none of their keys exists here.
   */
  load(rows: Iterable<Row>): number {
    this.#forgetCache();
    const { table, sql, keyOf } = this.shape;
    const perStatement = this.#database.prepare(upsert(table, upsertRowsPerStatement));
    let values: SqlValue[] = [];
    let pending = 0;
    let total = 0;
    for (const row of rows) {
      sql.toSql(row, keyOf(row), values);
      total++;
      if (++pending === upsertRowsPerStatement) {
        perStatement.run(values);
        values = [];
        pending = 0;
      }
    }
    this.#upsertRest(values, pending);
    if (total > 0) this.#complete = false;
    this.count += total;
    this.#database.noteChanges(total);
    return total;
  }

  /** Same as `load`, for rows that are SQLite values already, in the order of `storedColumns`. */
  loadStored(rows: Iterable<readonly SqlValue[]>): void {
    this.#forgetCache();
    const width = storedColumns(this.shape.table).length;
    const perStatement = this.#database.prepare(upsert(this.shape.table, upsertRowsPerStatement));
    let values: SqlValue[] = [];
    let total = 0;
    for (const row of rows) {
      for (const value of row) values.push(typeof value === 'bigint' ? storedInteger(value) : value);
      total++;
      if (values.length === width * upsertRowsPerStatement) {
        perStatement.run(values);
        values = [];
      }
    }
    this.#upsertRest(values, values.length / width);
    if (total > 0) this.#complete = false;
    this.count += total;
    this.#database.noteChanges(total);
  }

  /** Takes the rows that SQLite already has (an opened image) as the table's rows. */
  adoptStoredRows(): void {
    assert(this.#dirty.length === 0, 'no unflushed rows when stored rows are adopted');
    const counted = this.#database.prepare(`SELECT count(*) FROM ${quote(this.shape.table.name)}`).get([]);
    this.count = Number(counted?.[0] ?? 0);
    this.#complete = this.count === 0;
    this.#cache.clear();
  }

  /** Removes every row without recording anything: a replica starting over. */
  reset(): void {
    this.#cache.clear();
    this.#dirty = [];
    this.#database.run(`DELETE FROM ${quote(this.shape.table.name)}`);
    this.count = 0;
    this.#complete = true;
  }

  #load(key: Key): Row | undefined {
    const { sql } = this.shape;
    const values = this.#database.prepare(this.#selectByKey).get([sql.keyToSql(key)], sql.needsExact);
    const row = values === undefined ? undefined : sql.fromSql(values);
    this.#cache.fill(key, row);
    this.#evict();
    return row;
  }

  /** One after the other, so that no more of the rows are objects at a time than one statement takes. */
  #store(keys: readonly Key[], removed: Key[]): void {
    const { table, sql } = this.shape;
    const remove = this.#database.prepare(deleteByKey(table));
    const perStatement = this.#database.prepare(upsert(table, upsertRowsPerStatement));
    let values: SqlValue[] = [];
    let pending = 0;
    for (const key of keys) {
      const row = this.#cache.clean(key);
      if (row === undefined) {
        removed.push(key);
        remove.run([sql.keyToSql(key)]);
      } else {
        sql.toSql(row, key, values);
        if (++pending === upsertRowsPerStatement) {
          perStatement.run(values);
          values = [];
          pending = 0;
        }
      }
    }
    this.#upsertRest(values, pending);
  }

  /** Down to half of what is allowed, so that it is rarely done. */
  #evict(): void {
    const { cachedRowsMax } = this.#limits;
    if (this.#cache.size <= cachedRowsMax) return;
    this.#cache.forget(this.#cache.size - Math.floor(cachedRowsMax / 2));
    this.#complete = false;
  }

  /** Before rows are put into SQLite behind its back: it may know that they are absent. */
  #forgetCache(): void {
    this.flush();
    this.#cache.clear();
    if (this.count > 0) this.#complete = false;
  }

  #upsertRest(values: SqlValue[], rows: number): void {
    if (rows > 0) this.#database.prepare(upsert(this.shape.table, rows)).run(values);
  }
}

/** Rows of one size under integer keys. */
function hasPages({ codec, keyColumn }: RowShape): boolean {
  return codec.fixed && keyColumn !== undefined && integerTypes.has(keyColumn.type.type);
}

function selectList({ table }: RowShape): string {
  return table.columns.map((column) => quote(column.name)).join(', ');
}

function storedInteger(value: bigint): SqlValue {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value.toString();
}
