/**
 * Tables as SQL. The same text makes the tables in a replica's memory and on the authority's disk, so that the
 * `sqlite3` shell shows there what a live query sees here.
 *
 * Integer primary keys are SQLite's own row key; every other table is WITHOUT ROWID, clustered by its key. A table
 * without a primary key has the bytes of the whole row as its key, in the column `_key`. Indexes are never UNIQUE: the
 * engine checks uniqueness before it writes, and rows are flushed in an order that may pass through a duplicate.
 */

import type { IndexDefinition, TableDefinition } from '../module/definition.ts';
import { sqlMapping } from './sql-value.ts';

const rowKeyTypes: ReadonlySet<string> = new Set([
  'i8',
  'u8',
  'i16',
  'u16',
  'i32',
  'u32',
  'i64',
  'u64',
  'timestamp',
  'timeDuration',
]);

export function createTable(table: TableDefinition): string {
  const columns = table.columns.map((column, position) => {
    const { declared, nullable } = sqlMapping(column.type);
    const key = position === table.primaryKey ? ' PRIMARY KEY' : '';
    return `${quote(column.name)} ${declared}${key}${nullable ? '' : ' NOT NULL'}`;
  });
  if (table.primaryKey === undefined) columns.unshift(`${quote(keyColumnName(table))} BLOB PRIMARY KEY NOT NULL`);
  // Rows that a view has for one viewer are in no file.
  const temporary = table.wireTableId === undefined ? '' : 'TEMP ';
  return `CREATE ${temporary}TABLE IF NOT EXISTS ${quote(table.name)} (${columns.join(', ')})${hasRowKey(table) ? '' : ' WITHOUT ROWID'}`;
}

export function createIndexes(table: TableDefinition): string[] {
  return table.indexes.filter(({ primary }) => !primary).map((index) => createIndex(table, index));
}

export function createIndex(table: TableDefinition, index: IndexDefinition): string {
  const columns = index.columns.map((position) => quote(columnName(table, position)));
  return `CREATE INDEX IF NOT EXISTS ${quote(index.name)} ON ${quote(table.name)} (${columns.join(', ')})`;
}

/** The key column's name in SQL: `_key` where there is no primary key, with more underscores if a column is called so. */
export function keyColumnName(table: TableDefinition): string {
  if (table.primaryKey !== undefined) return columnName(table, table.primaryKey);
  let name = '_key';
  while (table.columns.some((column) => column.name.toLowerCase() === name)) name = `_${name}`;
  return name;
}

/** All columns that are written, in the order of `TableSql.toSql`. */
export function storedColumns(table: TableDefinition): string[] {
  const names = table.columns.map((column) => column.name);
  return table.primaryKey === undefined ? [keyColumnName(table), ...names] : names;
}

export function columnName(table: TableDefinition, position: number): string {
  const column = table.columns[position];
  if (column === undefined) throw new RangeError(`table ${table.name} has no column ${position}`);
  return column.name;
}

/** An upsert of `rows` rows at once. */
export function upsert(table: TableDefinition, rows: number): string {
  const columns = storedColumns(table);
  const one = `(${columns.map(() => '?').join(',')})`;
  return `INSERT OR REPLACE INTO ${quote(table.name)} (${columns.map(quote).join(',')}) VALUES ${Array(rows).fill(one).join(',')}`;
}

export function deleteByKey(table: TableDefinition): string {
  return `DELETE FROM ${quote(table.name)} WHERE ${quote(keyColumnName(table))} = ?`;
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function hasRowKey(table: TableDefinition): boolean {
  if (table.primaryKey === undefined) return false;
  return rowKeyTypes.has(table.columns[table.primaryKey]?.type.type ?? '');
}
