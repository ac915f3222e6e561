/** The type of the rows that a query gives, found from its data alone: pages read rows by it without a plan. */

import { ForerunError } from '../errors.ts';
import type { AggregateName, FieldSpec, QuerySpec } from '../module/query-spec.ts';
import type { TableShape } from '../module/table-shape.ts';
import type { ColumnType, ProductType } from '../value/column-type.ts';

/** Throws `query-invalid` for a table or column that there is none of. */
export function resultType(spec: QuerySpec, tables: readonly TableShape[]): ProductType {
  if (spec.select === undefined) return tableAt(spec.result ?? 0, spec, tables).rowType;
  return {
    type: 'product',
    fields: spec.select.map(({ name, aggregate, field }) => ({
      name,
      type: selectedType(aggregate, field && fieldType(field, spec, tables)),
    })),
  };
}

/** The type of a selected column's values. A count's are numbers whatever it counts. */
export function selectedType(aggregate: AggregateName | undefined, column: ColumnType | undefined): ColumnType {
  if (aggregate === 'count' || column === undefined) return { type: 'f64' };
  switch (aggregate) {
    case undefined:
      return column;
    case 'avg':
      return { type: 'option', value: { type: 'f64' } };
    case 'sum':
      return { type: 'option', value: sumType(column) };
    default:
      return column.type === 'option' ? column : { type: 'option', value: column };
  }
}

/** Sums of 64-bit numbers have room for 2^64 of them. */
function sumType(column: ColumnType): ColumnType {
  const { type } = column.type === 'option' ? column.value : column;
  return { type: type === 'i64' ? 'i128' : type === 'u64' ? 'u128' : 'f64' };
}

function fieldType({ table, field }: FieldSpec, spec: QuerySpec, tables: readonly TableShape[]): ColumnType {
  const column = tableAt(table, spec, tables).columns.find((each) => each.field === field);
  if (column === undefined) throw unknown(`column '${field}'`);
  return column.type;
}

function tableAt(position: number, spec: QuerySpec, tables: readonly TableShape[]): TableShape {
  const table = tables.find(({ accessor }) => accessor === spec.tables[position]);
  if (table === undefined) throw unknown(`table '${spec.tables[position]}'`);
  return table;
}

function unknown(what: string): ForerunError {
  return new ForerunError('query-invalid', `Query builder: there is no ${what}.`);
}
