/**
 * The module's tables in the database file: their rows written, and read again at recovery.
 *
 * Each row carries a checksum of its other values in the column `_checksum`. The tables have no indexes but their keys:
 * the engine builds its own in memory, and here they would only cost writes.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Key, Row } from '../../core/commit/row-change.ts';
import { deleteByKey, quote, storedColumns } from '../../core/engine/ddl.ts';
import type { RowShape } from '../../core/engine/row-shape.ts';
import { type SqlValue, sqlMapping } from '../../core/engine/sql-value.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import { rowChecksum } from './checksum.ts';
import { corrupt } from './storage-error.ts';

const rowsPerStatement = 16;

/** Writes one table's rows with statements prepared once. */
export class TableWriter {
  readonly shape: RowShape;
  readonly #insertMany: StatementSync;
  readonly #insertOne: StatementSync;
  readonly #delete: StatementSync;
  readonly #width: number;

  constructor(db: DatabaseSync, shape: RowShape) {
    const { table } = shape;
    this.shape = shape;
    const columns = [...storedColumns(table).map(quote), '_checksum'];
    const one = `(${columns.map(() => '?').join(', ')})`;
    const insert = (rows: number): string =>
      `INSERT OR REPLACE INTO ${quote(table.name)} (${columns.join(', ')}) VALUES ${Array(rows).fill(one).join(', ')}`;
    this.#insertMany = db.prepare(insert(rowsPerStatement));
    this.#insertOne = db.prepare(insert(1));
    this.#delete = db.prepare(deleteByKey(table));
    this.#width = columns.length;
  }

  /** Sets the rows of these keys, or without a row removes them. Yields after each few, having done `rows` of them. */
  *write(rows: Iterable<readonly [Key, Row | undefined]>): Generator<number> {
    let values: BoundValue[] = [];
    for (const [key, row] of rows) {
      if (row === undefined) {
        this.#delete.run(this.shape.sql.keyToSql(key));
        yield 1;
        continue;
      }
      const from = values.length;
      this.shape.sql.toSql(row, key, values);
      values.push(rowChecksum(values, from));
      if (values.length < this.#width * rowsPerStatement) continue;
      this.#insertMany.run(...values);
      values = [];
      yield rowsPerStatement;
    }
    for (let at = 0; at < values.length; at += this.#width) this.#insertOne.run(...values.slice(at, at + this.#width));
  }
}

/** Writes rows one by one into a table that has none of them. */
export class RowInserter {
  readonly #shape: RowShape;
  readonly #insert: StatementSync;

  constructor(db: DatabaseSync, shape: RowShape) {
    const { table } = shape;
    const columns = [...storedColumns(table).map(quote), '_checksum'];
    this.#shape = shape;
    this.#insert = db.prepare(
      `INSERT OR IGNORE INTO ${quote(table.name)} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    );
  }

  /** False when a row with this key is there already. */
  insert(row: Row): boolean {
    const values: BoundValue[] = [];
    this.#shape.sql.toSql(row, this.#shape.keyOf(row), values);
    values.push(rowChecksum(values));
    return this.#insert.run(...values).changes === 1;
  }
}

type BoundValue = Exclude<SqlValue, bigint>;

/** Values in the order of `storedColumns`, verified. Throws `database-corrupt`. */
export function* readRows(db: DatabaseSync, path: string, table: TableDefinition): Generator<SqlValue[]> {
  const types = new Map(table.columns.map(({ name, type }) => [name, type]));
  const columns = storedColumns(table).map((name) => {
    const type = types.get(name);
    return type !== undefined && sqlMapping(type).wide ? exactInteger(quote(name)) : quote(name);
  });
  const statement = db.prepare(`SELECT ${columns.join(', ')}, _checksum FROM ${quote(table.name)}`);
  statement.setReturnArrays(true);
  // Arrays, as asked for above; the types know objects only.
  for (const values of statement.iterate() as Iterable<unknown> as Iterable<SqlValue[]>) {
    if (values.pop() !== rowChecksum(values)) {
      throw corrupt(path, `a row of the table ${table.name} does not match its checksum`);
    }
    yield values;
  }
}

/** Beyond 2^53 as text, which INTEGER affinity makes a number again. */
function exactInteger(column: string): string {
  return `CASE WHEN ${column} BETWEEN -9007199254740991 AND 9007199254740991 THEN ${column} ELSE CAST(${column} AS TEXT) END`;
}
