/**
 * What those need of a table or view who build queries of it and read its rows, and nothing more: a page, which has no database.
 *
 * Law: of a sound module it is what `defineTable` and `viewTable` make, less what a database needs. It checks nothing: whether a module
 * is sound is found out by those who run it.
 */

import type { ColumnType, ProductType } from '../value/column-type.ts';
import type { RowObj } from './column-builder.ts';
import { columnKey } from './column-key.ts';
import type { ColumnDefinition, TableDefinition } from './definition.ts';
import { canonicalName } from './canonical-name.ts';
import type { ViewSpec } from './module-export.ts';
import type { CaseConversionPolicy, SchemaSpec } from './schema.ts';
import { type AnyTable, tableKey } from './table.ts';

export interface TableShape
  extends Pick<TableDefinition, 'tableId' | 'name' | 'accessor' | 'public' | 'rowType' | 'primaryKey' | 'view'> {
  readonly columns: readonly ColumnShape[];
}

export type ViewShape = Omit<TableShape, 'tableId'>;

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

export function viewShape(
  { name: given, returns, row = {} }: ViewSpec,
  accessor: string,
  policy: CaseConversionPolicy,
): ViewShape {
  const name = canonicalName(given, accessor, policy);
  const rowType = rowOf(returns) as ProductType;
  const specs = rowType.fields.map(({ name: field, type }) => ({ type, field, spec: row[field]?.[columnKey] }));
  const primaryKey = specs.findIndex(({ spec }) => spec?.primaryKey);
  return {
    name,
    accessor,
    public: true,
    columns: specs.map(({ field, type, spec }) => ({ field, name: canonicalName(spec?.name, field, policy), type })),
    rowType,
    primaryKey: primaryKey < 0 ? undefined : primaryKey,
    view: { name },
  };
}

function rowOf(returns: ColumnType): ColumnType {
  return returns.type === 'array' ? returns.element : returns.type === 'option' ? returns.value : returns;
}
