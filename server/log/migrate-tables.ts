/**
 * Carries out on the database file what `module-change.ts` says: tables made, dropped, or their rows written anew.
 *
 * Law: it happens in the caller's transaction, with the new description, so a stop at any moment leaves the file as it was
 * before or as it is after. What the rows themselves forbid (a value twice where it must be unique) is refused with
 * `schema-changed`, and the caller rolls back.
 */

import type { DatabaseSync } from 'node:sqlite';
import type { Row } from '../../core/commit/row-change.ts';
import { quote } from '../../core/engine/ddl.ts';
import { rowShape } from '../../core/engine/row-shape.ts';
import { type SqlValue, sqlMapping } from '../../core/engine/sql-value.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import {
  type ColumnDefault,
  type ModuleChange,
  refuseWithRows,
  schemaChanged,
  type TableChange,
} from '../module-change.ts';
import { putNextValue } from './bookkeeping.ts';
import { createModuleTables } from './database-file.ts';
import { readRows, RowInserter } from './row-tables.ts';

/** Where the old rows are while the new ones are written. Names like it are ours. */
const oldName = '_forerun_old';

export function migrateTables(
  db: DatabaseSync,
  path: string,
  change: ModuleChange,
  defaults: readonly ColumnDefault[],
): void {
  if (change.type === 'none') return;
  refuseWithRows(change, (table) => countRows(db, table));
  // What goes makes room for names that differ by case alone.
  for (const each of change.tables) if (each.type === 'unlessRows') db.exec(`DROP TABLE ${quote(each.before.name)}`);
  for (const each of change.tables) {
    if (each.type === 'new') createModuleTables(db, [each.table]);
    else if (each.type === 'carried') carryOver(db, path, each, defaults);
    else if (each.after !== undefined) createModuleTables(db, [each.after]);
  }
}

function carryOver(
  db: DatabaseSync,
  path: string,
  { before, after, rewrite, newlyUnique, newlyCounted }: Extract<TableChange, { type: 'carried' }>,
  defaults: readonly ColumnDefault[],
): void {
  if (rewrite) rewriteRows(db, path, before, after, defaults);
  for (const columns of newlyUnique) checkUnique(db, after, columns);
  for (const name of newlyCounted) {
    const largest = largestValue(db, path, after, name);
    if (largest > 0n) putNextValue(db, after.name, name, largest + 1n);
  }
}

function rewriteRows(
  db: DatabaseSync,
  path: string,
  before: TableDefinition,
  after: TableDefinition,
  defaults: readonly ColumnDefault[],
): void {
  db.exec(`ALTER TABLE ${quote(before.name)} RENAME TO ${oldName}`);
  createModuleTables(db, [after]);
  const read = rowReader(before);
  const into = rowShape(after);
  const carry = carrier(before, after, defaults);
  const inserter = new RowInserter(db, into);
  for (const values of readRows(db, path, { ...before, name: oldName })) {
    const row = carry(read(values));
    if (!inserter.insert(row)) {
      const key = after.primaryKey === undefined ? 'whole row' : `'${after.columns[after.primaryKey]?.name}'`;
      throw schemaChanged(
        `The primary key of table '${after.name}' is now ${key}, and two stored rows have the same one.`,
      );
    }
  }
  db.exec(`DROP TABLE ${oldName}`);
}

/** The stored values of a row, as `readRows` gives them, to the row. */
function rowReader(table: TableDefinition): (values: SqlValue[]) => Row {
  const { sql } = rowShape(table);
  return (values) => sql.fromSql(table.primaryKey === undefined ? values.slice(1) : values);
}

/** Rows of the one table to rows of the other: by the columns' names in SQL, since their fields may be called otherwise. */
function carrier(
  before: TableDefinition,
  after: TableDefinition,
  defaults: readonly ColumnDefault[],
): (row: Row) => Row {
  const sources = after.columns.map((column) => {
    const source = before.columns.find(({ name }) => name === column.name);
    if (source !== undefined) return { field: column.field, from: source.field, value: undefined };
    const filled = defaults.find((each) => each.table === after.name && each.column === column.name);
    return { field: column.field, from: undefined, value: sqlMapping(column.type).fromSql(filled?.value ?? null) };
  });
  return (row) =>
    Object.fromEntries(sources.map(({ field, from, value }) => [field, from === undefined ? value : row[from]]));
}

function checkUnique(db: DatabaseSync, table: TableDefinition, columns: readonly string[]): void {
  const names = columns.map(quote).join(', ');
  const twice = db.prepare(`SELECT 1 FROM ${quote(table.name)} GROUP BY ${names} HAVING count(*) > 1 LIMIT 1`).get();
  if (twice === undefined) return;
  throw schemaChanged(
    `The column '${columns.join(', ')}' of table '${table.name}' has become unique, and stored rows have a value twice.`,
  );
}

function largestValue(db: DatabaseSync, path: string, table: TableDefinition, name: string): bigint {
  const read = rowReader(table);
  const field = table.columns.find((column) => column.name === name)?.field ?? name;
  let largest = 0n;
  for (const values of readRows(db, path, table)) {
    // autoInc columns are integers, which rows hold as numbers or bigints.
    const value = BigInt(read(values)[field] as number | bigint);
    if (value > largest) largest = value;
  }
  return largest;
}

function countRows(db: DatabaseSync, table: TableDefinition): number {
  return Number(db.prepare(`SELECT count(*) AS n FROM ${quote(table.name)}`).get()?.['n'] ?? 0);
}
