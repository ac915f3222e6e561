/**
 * A module that has changed since its database was written: what happens to each table, and what stands in the way.
 *
 * Law: stored rows are read by the names of their tables and columns in SQL, never by position; the log is read by
 * position, so it is brought into the tables with the old description before a new one takes its place
 * (`log/sqlite-storage.ts`). No row is ever lost to a change: what can't be carried over is refused while there are rows,
 * and the data stays as it is. A table without rows may change in any way.
 */

import { type SqlValue, sqlMapping } from '../core/engine/sql-value.ts';
import { ForerunError } from '../core/errors.ts';
import type { ColumnDefinition, ModuleDefinition, TableDefinition } from '../core/module/definition.ts';
import { typeText } from '../core/module/type-text.ts';
import type { ColumnType } from '../core/value/column-type.ts';

/** What the storage has to know of a module: plain data, without functions and default values. */
export interface ModuleDescription {
  readonly hash: string;
  readonly tables: readonly TableDefinition[];
}

export function describeModule({ hash, tables }: ModuleDefinition): ModuleDescription {
  return { hash, tables: tables.map((table) => ({ ...table, columns: table.columns.map(withoutDefault) })) };
}

function withoutDefault({ field, name, type, autoInc }: ColumnDefinition): ColumnDefinition {
  return { field, name, type, autoInc };
}

/** What rows that were written before the column get, as SQLite stores it. */
export interface ColumnDefault {
  readonly table: string;
  readonly column: string;
  readonly value: SqlValue;
}

export function columnDefaults({ tables }: ModuleDefinition): ColumnDefault[] {
  return tables.flatMap((table) =>
    table.columns.flatMap((column) => {
      if (!('defaultValue' in column)) return [];
      // Of the column's type and canonical, since the definition exists.
      const value = sqlMapping(column.type).toSql(column.defaultValue as never);
      return [{ table: table.name, column: column.name, value }];
    }),
  );
}

export type ModuleChange =
  | { readonly type: 'none' }
  /** The tables not named are read as before. */
  | { readonly type: 'changed'; readonly tables: readonly TableChange[] };

export type TableChange =
  | { readonly type: 'new'; readonly table: TableDefinition }
  /** Can be carried out only while the table has no rows: then it is made anew, or dropped when there is no `after`. */
  | {
      readonly type: 'unlessRows';
      readonly before: TableDefinition;
      readonly after: TableDefinition | undefined;
      readonly problem: string;
    }
  | {
      readonly type: 'carried';
      readonly before: TableDefinition;
      readonly after: TableDefinition;
      /** The rows are stored otherwise now. */
      readonly rewrite: boolean;
      /** Names of columns that have become unique, each set by itself. */
      readonly newlyUnique: readonly (readonly string[])[];
      /** Columns that have become autoInc. */
      readonly newlyCounted: readonly string[];
    };

/** `defaults` are those of the current module. */
export function moduleChange(
  stored: ModuleDescription,
  current: ModuleDescription,
  defaults: readonly ColumnDefault[] = [],
): ModuleChange {
  if (JSON.stringify(stored) === JSON.stringify(current)) return { type: 'none' };
  const storedTables = stored.tables.filter(isStored);
  const kept = storedTables.flatMap((before): TableChange[] => {
    const after = current.tables.find(({ name }) => name === before.name);
    if (after === undefined || !isStored(after)) {
      return [{ type: 'unlessRows', before, after: undefined, problem: goneProblem(before, after) }];
    }
    const problem = tableProblem(before, after, defaults);
    if (problem !== undefined) return [{ type: 'unlessRows', before, after, problem }];
    const change = carried(before, after);
    return change.rewrite || change.newlyUnique.length > 0 || change.newlyCounted.length > 0 ? [change] : [];
  });
  const known = new Set(storedTables.map(({ name }) => name));
  const added = current.tables.filter((table) => isStored(table) && !known.has(table.name));
  return { type: 'changed', tables: [...kept, ...added.map((table) => ({ type: 'new', table }) as const)] };
}

/** Throws `schema-changed` when a table that the change can't carry over has rows. */
export function refuseWithRows(change: ModuleChange, countOf: (table: TableDefinition) => number): void {
  if (change.type === 'none') return;
  for (const each of change.tables) {
    if (each.type !== 'unlessRows') continue;
    const rows = countOf(each.before);
    if (rows > 0) throw schemaChanged(`${each.problem} It has ${rows} ${rows === 1 ? 'row' : 'rows'}.`);
  }
}

export function schemaChanged(problem: string): ForerunError {
  return new ForerunError(
    'schema-changed',
    `${problem} The data was left as it is: put the definition back as it was, or start over without the data (delete its folder; in development: forerun dev --reset).`,
  );
}

/** Rows of the others are never kept. */
export function isStored(table: TableDefinition): boolean {
  return !table.event && !table.ephemeral && table.view === undefined;
}

function goneProblem(before: TableDefinition, after: TableDefinition | undefined): string {
  const table = `table '${before.name}'`;
  if (after !== undefined)
    return `The ${table} has become ${after.view ? 'a view' : after.event ? 'an event table' : 'ephemeral'}, which keeps no rows.`;
  return `The ${table} is gone from the module. If it has another name now, keep the one in the database: table({ name: '${before.name}' }, …).`;
}

/** Why stored rows can't become rows of `after`. */
function tableProblem(
  before: TableDefinition,
  after: TableDefinition,
  defaults: readonly ColumnDefault[],
): string | undefined {
  const table = `table '${after.name}'`;
  for (const { name, type } of before.columns) {
    const now = after.columns.find((column) => column.name === name);
    if (now === undefined) {
      return `The column '${name}' of ${table} is gone from the module. If it has another name now, keep the one in the database: .name('${name}').`;
    }
    if (!isWidened(type, now.type)) {
      return `The type of the column '${name}' of ${table} was ${typeText(type)} and is now ${typeText(now.type)}.`;
    }
  }
  for (const { name } of after.columns) {
    if (before.columns.some((column) => column.name === name)) continue;
    if (!defaults.some((each) => each.table === after.name && each.column === name))
      return `The column '${name}' of ${table} is new, and stored rows lack it: give it a .default(…).`;
  }
  return undefined;
}

function carried(before: TableDefinition, after: TableDefinition): Extract<TableChange, { type: 'carried' }> {
  const uniqueBefore = uniqueColumns(before).map(String);
  return {
    type: 'carried',
    before,
    after,
    rewrite: columnsText(before) !== columnsText(after),
    newlyUnique: uniqueColumns(after).filter((columns) => !uniqueBefore.includes(String(columns))),
    newlyCounted: after.columns
      .filter((column) => column.autoInc && before.columns.find(({ name }) => name === column.name)?.autoInc !== true)
      .map(({ name }) => name),
  };
}

/** Every value of the first is one of the second, under the same number: enums may have got more variants at their end. */
function isWidened(before: ColumnType, after: ColumnType): boolean {
  if (typeText(before) === typeText(after)) return true;
  if (before.type === 'sum' && after.type === 'sum') {
    return before.variants.every((variant, at) => {
      const now = after.variants[at];
      return now?.name === variant.name && isWidened(variant.type, now.type);
    });
  }
  if (before.type === 'array' && after.type === 'array') return isWidened(before.element, after.element);
  if (before.type === 'option' && after.type === 'option') return isWidened(before.value, after.value);
  if (before.type !== 'product' || after.type !== 'product' || before.fields.length !== after.fields.length)
    return false;
  return before.fields.every((field, at) => {
    const now = after.fields[at];
    return now?.name === field.name && isWidened(field.type, now.type);
  });
}

/** All that the stored form of the rows, their keys and their checksums depend on. */
function columnsText({ columns, primaryKey }: TableDefinition): string {
  const key = primaryKey === undefined ? 'none' : columns[primaryKey]?.name;
  return `${columns.map(({ name, type }) => `${name}: ${typeText(type)}`).join(', ')}; key ${key}`;
}

function uniqueColumns(table: TableDefinition): string[][] {
  return table.indexes
    .filter(({ unique, primary }) => unique && !primary)
    .map(({ columns }) => columns.map((position) => table.columns[position]?.name ?? ''));
}
