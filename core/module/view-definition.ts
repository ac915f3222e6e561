/** An exported view → its definition. */

import type { ColumnType, ProductType } from '../value/column-type.ts';
import type { ColumnSpec, Mark } from './column-builder.ts';
import { columnKey } from './column-key.ts';
import { checkField, checkType, fail } from './column-check.ts';
import type { ColumnDefinition, TableDefinition, ViewDefinition } from './definition.ts';
import type { ViewSpec } from './module-export.ts';
import { canonicalName } from './canonical-name.ts';
import { checkColumnName, checkTableName, TakenNames } from './names.ts';
import type { CaseConversionPolicy } from './schema.ts';

export interface ViewPlace {
  readonly accessor: string;
  readonly policy: CaseConversionPolicy;
  /** Views are read like tables, so they share their names. */
  readonly sqlNames: TakenNames;
}

export function defineView(spec: ViewSpec, { accessor, policy, sqlNames }: ViewPlace): ViewDefinition {
  const place = `view '${accessor}'`;
  const name = canonicalName(spec.name, accessor, policy);
  checkTableName(name, place);
  sqlNames.take(name, place);

  const rowType = rowTypeOf(spec.returns, place);
  const primaryKeys = [...rowType.fields.keys()].filter((position) => specOf(spec, rowType, position)?.primaryKey);
  if (primaryKeys.length > 1)
    fail(place, 'its row has several primary keys, but can have one: remove primaryKey() from the others');
  const taken = new TakenNames();
  const columns = rowType.fields.map(({ name: field, type }, position): ColumnDefinition => {
    const columnPlace = `${place}, column '${field}'`;
    checkField(field, place);
    checkType(type, columnPlace);
    const columnName = canonicalName(specOf(spec, rowType, position)?.name, field, policy);
    checkColumnName(columnName, columnPlace);
    taken.take(columnName, columnPlace);
    return { field, name: columnName, type, autoInc: false };
  });
  const { anonymous, returns, run } = spec;
  return {
    name,
    accessor,
    anonymous,
    returns: returns.type === 'array' ? 'rows' : 'row',
    columns,
    rowType,
    primaryKey: primaryKeys[0],
    run,
  };
}

/** What a view is to those who read it. */
export function viewTable(view: ViewDefinition, tableId: number): TableDefinition {
  const { name, accessor, columns, rowType, primaryKey } = view;
  const primary = primaryKey === undefined ? undefined : columns[primaryKey];
  const indexes: TableDefinition['indexes'] =
    primaryKey === undefined || primary === undefined
      ? []
      : [
          {
            accessor: primary.field,
            name: `${name}_${primary.name}_idx_btree`,
            algorithm: 'btree',
            columns: [primaryKey],
            unique: true,
            primary: true,
          },
        ];
  return {
    tableId,
    name,
    accessor,
    public: true,
    event: false,
    ephemeral: false,
    columns,
    rowType,
    primaryKey,
    indexes,
    view: { name },
  };
}

function rowTypeOf(returns: ColumnType, place: string): ProductType {
  const row = returns.type === 'array' ? returns.element : returns.type === 'option' ? returns.value : returns;
  if (row === returns || row.type !== 'product' || row.fields.length === 0) {
    fail(place, 'must return rows: write t.array(player.rowType), or t.option(player.rowType) for one row or none');
  }
  return row;
}

/** What the row's builder says of a column, when the view returns a row and not a plain object. */
function specOf({ row }: ViewSpec, rowType: ProductType, position: number): ColumnSpec<unknown, Mark> | undefined {
  const field = rowType.fields[position]?.name;
  return field === undefined ? undefined : row?.[field]?.[columnKey];
}
