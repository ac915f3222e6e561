/**
 * The module's tables in the database file: their rows written from the log, net, and read again at recovery.
 *
 * Each row carries a checksum of its other values in the column `_checksum`. The tables have no indexes but their keys:
 * the engine builds its own in memory, and here they would only cost writes.
 */

import { assert } from '../../core/assert.ts';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
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

type BoundValue = Exclude<SqlValue, bigint>;

/** The last row of each key that a stretch of the log touches, by tableId. */
export class NetRows {
  readonly #tables = new Map<number, Map<Key, Row | undefined>>();
  size = 0;

  add({ tableId, key, after }: RowChange): void {
    let rows = this.#tables.get(tableId);
    if (rows === undefined) this.#tables.set(tableId, (rows = new Map()));
    const before = rows.size;
    rows.set(key, after);
    this.size += rows.size - before;
  }

  /**
   * Writes all of them, each table in the order of its keys, so that neighbours share a page. Yields after each few,
   * with the number of rows done.
   */
  *write(writerOf: (tableId: number) => TableWriter | undefined): Generator<number> {
    for (const [tableId, rows] of this.#tables) {
      const writer = writerOf(tableId);
      if (writer === undefined) continue;
      const { compareKeys } = writer.shape;
      const runs: KeyedRow[][] = [];
      let run: KeyedRow[] = [];
      const endRun = (): void => {
        runs.push(run.sort(([a], [b]) => compareKeys(a, b)));
        run = [];
      };
      for (const entry of rows) {
        if (run.push(entry) < rowsPerRun) continue;
        endRun();
        yield 0;
      }
      if (run.length > 0) endRun();
      yield* writer.write(merged(runs, compareKeys));
    }
  }
}

type KeyedRow = readonly [Key, Row | undefined];

/** So many are sorted at a stretch: sorting all at once would keep the log waiting. */
const rowsPerRun = 4096;

function* merged(runs: readonly (readonly KeyedRow[])[], compare: (a: Key, b: Key) => number): Generator<KeyedRow> {
  const heads = runs.map((run) => ({ run, at: 0 }));
  while (heads.length > 0) {
    let least = 0;
    for (let i = 1; i < heads.length; i++) if (compare(keyAt(heads[i]), keyAt(heads[least])) < 0) least = i;
    const head = heads[least] as (typeof heads)[number];
    yield head.run[head.at++] as KeyedRow;
    if (head.at === head.run.length) heads.splice(least, 1);
  }
}

function keyAt(head: { readonly run: readonly KeyedRow[]; readonly at: number } | undefined): Key {
  const [key] = head?.run[head.at] ?? [];
  assert(key !== undefined, 'a head stands on a row');
  return key;
}

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
