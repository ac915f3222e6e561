/**
 * A module that has changed since its database was written: what may be taken over as it is, and what would misread
 * stored rows and is refused.
 *
 * Law: stored rows are read by the names of their tables and columns in SQL, never by position; the log is read by
 * position, so it is brought into the tables with the old description before a new one takes its place
 * (`log/sqlite-storage.ts`).
 */

import { ForerunError } from '../core/errors.ts';
import type { ColumnDefinition, ModuleDefinition, TableDefinition } from '../core/module/definition.ts';
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

export type ModuleChange =
  | { readonly type: 'none' }
  /** `newTables` are to be made; everything else is read as before. */
  | { readonly type: 'compatible'; readonly newTables: readonly TableDefinition[] };

/** Throws `schema-changed` for what would misread stored rows. */
export function moduleChange(stored: ModuleDescription, current: ModuleDescription): ModuleChange {
  if (JSON.stringify(stored) === JSON.stringify(current)) return { type: 'none' };
  for (const before of stored.tables) {
    const after = current.tables.find(({ name }) => name === before.name);
    if (after === undefined) refuse(`The table '${before.name}' is gone from the module, but the database has it.`);
    checkTable(before, after);
  }
  const known = new Set(stored.tables.map(({ name }) => name));
  return { type: 'compatible', newTables: current.tables.filter(({ name }) => !known.has(name)) };
}

function checkTable(before: TableDefinition, after: TableDefinition): void {
  const table = `table '${after.name}'`;
  if (before.event !== after.event) refuse(`The ${table} was ${before.event ? 'an' : 'no'} event table.`);
  if (before.ephemeral !== after.ephemeral) refuse(`The ${table} was ${before.ephemeral ? '' : 'not '}ephemeral.`);
  if (before.event || before.ephemeral) return;
  for (const column of before.columns) {
    const now = after.columns.find(({ name }) => name === column.name);
    if (now === undefined)
      refuse(`The column '${column.name}' of ${table} is gone from the module, but stored rows have it.`);
    checkColumn(column, now, table);
  }
  for (const { name } of after.columns) {
    if (!before.columns.some((column) => column.name === name))
      refuse(`The column '${name}' of ${table} is new, and stored rows lack it.`);
  }
  const [keyBefore, keyAfter] = [primaryKeyName(before), primaryKeyName(after)];
  if (keyBefore !== keyAfter)
    refuse(`The primary key of ${table} was ${keyBefore ?? 'none'} and is now ${keyAfter ?? 'none'}.`);
  // The whole row is the key then, in the order of its columns.
  if (keyAfter === undefined && columnNames(before) !== columnNames(after)) {
    refuse(`The columns of ${table}, which has no primary key, have changed their order.`);
  }
  const uniqueBefore = uniqueColumns(before);
  for (const columns of uniqueColumns(after)) {
    if (!uniqueBefore.includes(columns))
      refuse(`The column '${columns}' of ${table} has become unique, and stored rows may not be.`);
  }
}

function checkColumn(before: ColumnDefinition, after: ColumnDefinition, table: string): void {
  const column = `column '${after.name}' of ${table}`;
  const [typeBefore, typeAfter] = [typeText(before.type), typeText(after.type)];
  if (typeBefore !== typeAfter) refuse(`The type of the ${column} was ${typeBefore} and is now ${typeAfter}.`);
  if (after.autoInc && !before.autoInc)
    refuse(`The ${column} has become autoInc, and stored rows may have its next values.`);
}

/** Every name that the stored form of a value depends on; the names of types themselves don't. */
function typeText(type: ColumnType): string {
  switch (type.type) {
    case 'array':
      return `array(${typeText(type.element)})`;
    case 'option':
      return `option(${typeText(type.value)})`;
    case 'result':
      return `result(${typeText(type.ok)}, ${typeText(type.err)})`;
    case 'product':
      return `{ ${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(', ')} }`;
    case 'sum':
      return `enum(${type.variants.map((variant) => `${variant.name}: ${typeText(variant.type)}`).join(', ')})`;
    default:
      return type.type;
  }
}

function primaryKeyName({ columns, primaryKey }: TableDefinition): string | undefined {
  return primaryKey === undefined ? undefined : `'${columns[primaryKey]?.name}'`;
}

function columnNames({ columns }: TableDefinition): string {
  return columns.map(({ name }) => name).join(', ');
}

function uniqueColumns(table: TableDefinition): string[] {
  return table.indexes
    .filter(({ unique }) => unique)
    .map(({ columns }) => columns.map((position) => table.columns[position]?.name).join(', '));
}

function refuse(problem: string): never {
  throw new ForerunError(
    'schema-changed',
    `${problem} Put the definition back as it was, or start over: delete the data folder, and with it all rows.`,
  );
}
