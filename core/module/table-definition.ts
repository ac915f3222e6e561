/**
 * A table of a schema → its definition, with every check that needs the table's name to be told.
 *
 * Law: what comes out can be created in SQLite as it stands, and its indexes are those that `table-view.ts` gives types
 * to: the primary key's first, then the unique columns', the other columns', and the table's own.
 */

import type { ProductType } from '../value/column-type.ts';
import type { ColumnSpec, IndexAlgorithm, Mark, RowObj } from './column-builder.ts';
import { columnKey } from './column-key.ts';
import { canonicalDefault, checkColumn, checkField, checkIndexed, fail } from './column-check.ts';
import { limits } from '../limits.ts';
import type { ColumnDefinition, IndexDefinition, TableDefinition } from './definition.ts';
import { canonicalName } from './canonical-name.ts';
import { checkColumnName, checkName, checkTableName, TakenNames } from './names.ts';
import type { CaseConversionPolicy } from './schema.ts';
import { type AnyTable, type IndexOptions, tableKey, type TableOptions } from './table.ts';

export interface TablePlace {
  readonly tableId: number;
  readonly accessor: string;
  readonly policy: CaseConversionPolicy;
  /** Tables, views and indexes share SQLite's one namespace. */
  readonly sqlNames: TakenNames;
}

/** A column as written, with its place for messages. */
interface WrittenColumn {
  readonly field: string;
  readonly spec: ColumnSpec<unknown, Mark>;
  readonly place: string;
  readonly unique: boolean;
}

/** Throws module-invalid, with the table's and column's name and what to write instead. */
export function defineTable(table: AnyTable, { tableId, accessor, policy, sqlNames }: TablePlace): TableDefinition {
  const { options } = table[tableKey];
  const place = `table '${accessor}'`;
  const name = canonicalName(options.name, accessor, policy);
  checkTableName(name, place);
  sqlNames.take(name, place);
  const event = options.event ?? false;
  const ephemeral = (options.ephemeral ?? false) !== false;
  if (event && ephemeral)
    fail(place, 'event rows are never kept, so they can not be ephemeral too: remove one of the two options');

  const written = writtenColumns(table, place);
  const columns = defineColumns(written, place, policy);
  // That a scheduled table's rows have to be kept is found out where it is bound to its reducer.
  const isTimed = columns.some(({ type }) => type.type === 'scheduleAt');
  const autoInc = ephemeral && !isTimed ? columns.find((column) => column.autoInc) : undefined;
  if (autoInc !== undefined)
    fail(
      `${place}, column '${autoInc.field}'`,
      'is autoInc in an ephemeral table, but its values would have to be logged: use a uuid, or the identity or connection id',
    );
  const primaryKeys = written.flatMap(({ spec }, position) => (spec.primaryKey ? [position] : []));
  if (primaryKeys.length > 1) {
    const fields = primaryKeys.map((position) => `'${columns[position]?.field}'`).join(' and ');
    fail(place, `has the primary keys ${fields}, but can have one: make the others unique(), or index them`);
  }
  const { name: typeName } = table.rowType[columnKey].type as ProductType;
  return {
    tableId,
    name,
    accessor,
    public: options.public ?? false,
    event,
    ephemeral,
    ...(ephemeral && { sendsPerSecondMax: sendsPerSecondMax(options, place) }),
    columns,
    rowType: {
      type: 'product',
      ...(typeName !== undefined && { name: typeName }),
      fields: columns.map(({ field, type }) => ({ name: field, type })),
    },
    primaryKey: primaryKeys[0],
    indexes: defineIndexes(table, written, { tableName: name, place, columns, sqlNames }),
  };
}

function sendsPerSecondMax({ ephemeral }: TableOptions, place: string): number {
  const { sendsPerSecondMax: value = limits.ephemeralSendsPerSecondMax } =
    typeof ephemeral === 'object' ? ephemeral : {};
  if (!(value > 0 && value <= 1_000)) fail(place, 'sendsPerSecondMax is a number above 0 and up to 1000');
  return value;
}

function writtenColumns(table: AnyTable, place: string): WrittenColumn[] {
  const { options } = table[tableKey];
  const columns: RowObj = table.rowType.row;
  const entries = Object.entries(columns);
  if (entries.length === 0) fail(place, 'has no columns: give it at least one');
  const constrained = new Set<string>();
  for (const { columns: fields } of options.constraints ?? []) {
    const [field] = fields;
    if (fields.length !== 1 || !Object.hasOwn(columns, field))
      fail(
        place,
        'a unique constraint names one of its columns: write constraints: [{ constraint: "unique", columns: ["name"] }]',
      );
    constrained.add(field);
  }
  return entries.map(([field, column]) => {
    const columnPlace = `${place}, column '${field}'`;
    const spec = column[columnKey];
    const written = {
      field,
      spec,
      place: columnPlace,
      unique: (spec.unique || spec.primaryKey || constrained.has(field)) ?? false,
    };
    checkColumn(spec, written.unique, columnPlace);
    return written;
  });
}

function defineColumns(
  written: readonly WrittenColumn[],
  place: string,
  policy: CaseConversionPolicy,
): ColumnDefinition[] {
  const taken = new TakenNames();
  return written.map(({ field, spec, place: columnPlace }) => {
    checkField(field, place);
    const name = canonicalName(spec.name, field, policy);
    checkColumnName(name, columnPlace);
    taken.take(name, columnPlace);
    const { type, defaultValue } = spec;
    const filled = defaultValue && { defaultValue: canonicalDefault(type, defaultValue.value, columnPlace) };
    return { field, name, type, autoInc: spec.autoInc ?? false, ...filled };
  });
}

interface IndexPlace {
  readonly tableName: string;
  readonly place: string;
  readonly columns: readonly ColumnDefinition[];
  readonly sqlNames: TakenNames;
}

interface WrittenIndex {
  readonly accessor: string;
  readonly name: string | undefined;
  readonly algorithm: IndexAlgorithm;
  readonly columns: readonly number[];
}

function defineIndexes(table: AnyTable, written: readonly WrittenColumn[], at: IndexPlace): IndexDefinition[] {
  const ofColumn = (position: number): WrittenIndex => {
    const { field, spec } = written[position] as WrittenColumn;
    return { accessor: field, name: undefined, algorithm: spec.index ?? 'btree', columns: [position] };
  };
  const positions = [...written.keys()];
  const rank = (position: number): number => {
    const column = written[position] as WrittenColumn;
    if (column.spec.primaryKey) return 0;
    return column.unique ? 1 : 2;
  };
  const ofColumns = positions
    .filter((position) => rank(position) < 2 || written[position]?.spec.index)
    .toSorted((a, b) => rank(a) - rank(b));
  const all = [
    ...ofColumns.map(ofColumn),
    ...table[tableKey].indexes.map((options) => tableIndex(options, written, at)),
  ];

  const accessors = new Set<string>();
  return all.map((index) => {
    const place = `${at.place}, index '${index.accessor}'`;
    checkAccessor(index.accessor, accessors, place);
    const unique = index.columns.every((position) => written[position]?.unique);
    const primary = index.columns.every((position) => written[position]?.spec.primaryKey);
    return {
      accessor: index.accessor,
      name: sqlIndexName(index, at, place),
      algorithm: index.algorithm,
      columns: index.columns,
      unique,
      primary,
    };
  });
}

function tableIndex(
  options: IndexOptions<string>,
  written: readonly WrittenColumn[],
  { place }: IndexPlace,
): WrittenIndex {
  const { accessor, name, algorithm } = options;
  const indexPlace = `${place}, index '${accessor}'`;
  if (typeof accessor !== 'string' || accessor === '')
    fail(place, 'each of its indexes needs an accessor, which is its name on ctx.db');
  const fields = options.algorithm === 'direct' ? [options.column] : options.columns;
  if (!Array.isArray(fields) || fields.length === 0)
    fail(indexPlace, "needs columns: write columns: ['x', 'y'] (or column: 'x' for a direct index)");
  if (new Set(fields).size < fields.length) fail(indexPlace, 'names a column twice: name each once');
  const columns = fields.map((field) => {
    const position = written.findIndex((column) => column.field === field);
    const column = written[position] ?? fail(indexPlace, `there is no column '${field}': name a field of the row`);
    checkIndexed(algorithm, column.spec.type, `${indexPlace}, column '${field}'`);
    return position;
  });
  return { accessor, name, algorithm, columns };
}

/** What stands on `ctx.db.<table>` beside the indexes. */
const tableMethods: readonly string[] = ['insert', 'delete', 'clear', 'count', 'iter'];

function checkAccessor(accessor: string, taken: Set<string>, place: string): void {
  if (tableMethods.includes(accessor)) {
    fail(
      place,
      `would hide ctx.db's ${accessor}(): give the field another name and keep the one in SQL, ${accessor}_: t.u32().name('${accessor}')`,
    );
  }
  if (accessor === '__proto__') fail(place, 'has a meaning in JavaScript: choose another accessor');
  if (taken.has(accessor)) fail(place, 'there are two of this accessor: give one of them another');
  taken.add(accessor);
}

function sqlIndexName(index: WrittenIndex, { tableName, columns, sqlNames }: IndexPlace, place: string): string {
  if (index.name === undefined) {
    const columnNames = index.columns.map((position) => columns[position]?.name);
    return sqlNames.takeSimilar([tableName, ...columnNames, 'idx', index.algorithm].join('_'), place);
  }
  checkName(index.name, place);
  sqlNames.take(index.name, place);
  return index.name;
}
