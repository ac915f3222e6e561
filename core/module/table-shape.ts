/**
 * What those need of a table who build queries of it and read its rows, and nothing more: a page, which has no database.
 *
 * Law: of a sound module it is what `defineTable` makes, less what a database needs. It checks nothing: whether a module
 * is sound is found out by those who run it.
 */

import type { ProductType } from '../value/column-type.ts';
import { columnKey, type RowObj } from './column-builder.ts';
import type { ColumnDefinition, TableDefinition } from './definition.ts';
import { canonicalName } from './canonical-name.ts';
import type { SchemaSpec } from './schema.ts';
import { type AnyTable, tableKey } from './table.ts';

export interface TableShape
  extends Pick<TableDefinition, 'tableId' | 'name' | 'accessor' | 'public' | 'rowType' | 'primaryKey'> {
  readonly columns: readonly ColumnShape[];
}

type ColumnShape = Pick<ColumnDefinition, 'field' | 'name' | 'type'>;

/** In the order of the schema, which is that of their ids. */
export function tableShapes({ tables, settings }: SchemaSpec): TableShape[] {
  const policy = settings.CASE_CONVERSION_POLICY ?? { tag: 'SnakeCase' };
  return Object.entries(tables).map(([accessor, table]: [string, AnyTable], tableId) => {
    const { options } = table[tableKey];
    const row: RowObj = table.rowType.row;
    const specs = Object.entries(row).map(([field, column]) => ({ field, ...column[columnKey] }));
    const { name: typeName } = table.rowType[columnKey].type as ProductType;
    const primaryKey = specs.findIndex((spec) => spec.primaryKey);
    return {
      tableId,
      name: canonicalName(options.name, accessor, policy),
      accessor,
      public: options.public ?? false,
      columns: specs.map(({ field, name, type }) => ({ field, name: canonicalName(name, field, policy), type })),
      rowType: {
        type: 'product',
        ...(typeName !== undefined && { name: typeName }),
        fields: specs.map(({ field, type }) => ({ name: field, type })),
      },
      primaryKey: primaryKey < 0 ? undefined : primaryKey,
    };
  });
}
