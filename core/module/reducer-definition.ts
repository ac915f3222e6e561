/**
 * Exported reducers → their definitions, and which of them runs for the due rows of which table.
 *
 * Law: a table is bound to one reducer at most, and that reducer takes the table's row and nothing else.
 */

import type { ProductType } from '../value/column-type.ts';
import { columnKey } from './column-key.ts';
import { checkField, checkType, fail } from './column-check.ts';
import { fieldsOf } from './column.ts';
import type { Lifecycle, ReducerDefinition, TableDefinition } from './definition.ts';
import { exportKey, type ModuleExport, type ReducerSpec } from './module-export.ts';
import { canonicalJson } from './module-hash.ts';
import { byName, canonicalName } from './canonical-name.ts';
import { checkName, TakenNames } from './names.ts';
import type { CaseConversionPolicy, SchemaSpec } from './schema.ts';
import { type AnyTable, tableKey } from './table.ts';

export interface NamedExport {
  readonly name: string;
  readonly value: ModuleExport;
}

interface NamedReducer {
  readonly accessor: string;
  readonly value: ModuleExport;
  readonly spec: ReducerSpec;
}

export interface ReducerPlace {
  readonly schema: SchemaSpec;
  readonly tables: readonly TableDefinition[];
  readonly policy: CaseConversionPolicy;
}

export function defineReducers(
  exports: readonly NamedExport[],
  { schema, tables, policy }: ReducerPlace,
): ReducerDefinition[] {
  const named = exports.flatMap(({ name, value }): NamedReducer[] => {
    const spec = value[exportKey];
    return spec.type === 'reducer' ? [{ accessor: name, value, spec }] : [];
  });
  const schedules = bindSchedules(named, schema, tables);
  checkLifecycles(named);

  const names = new TakenNames();
  const accessors = new TakenNames();
  const reducers = named.map(({ accessor, spec }) => {
    const place = `reducer '${accessor}'`;
    const name = canonicalName(spec.name, accessor, policy);
    checkName(name, place);
    names.take(name, place);
    accessors.take(accessor, place);
    const { lifecycle, predict, whenLate, run } = spec;
    return {
      name,
      accessor,
      params: defineParams(spec, place),
      lifecycle,
      scheduledTableId: schedules.get(accessor),
      whenLate,
      predict,
      run,
    };
  });
  return reducers.toSorted(byName).map((reducer, reducerId) => ({ reducerId, ...reducer }));
}

function defineParams({ params, lifecycle }: ReducerSpec, place: string): ProductType {
  const fields = fieldsOf(params);
  if (lifecycle !== undefined && fields.length > 0)
    fail(place, `${lifecycle} is called by the database, so it can't have parameters: remove them`);
  for (const { name, type } of fields) {
    checkField(name, place);
    checkType(type, `${place}, parameter '${name}'`);
  }
  return { type: 'product', fields };
}

function checkLifecycles(named: readonly NamedReducer[]): void {
  const owners = new Map<Lifecycle, string>();
  for (const { accessor, spec } of named) {
    if (spec.lifecycle === undefined) continue;
    const other = owners.get(spec.lifecycle);
    if (other !== undefined)
      fail(
        `reducer '${accessor}'`,
        `'${other}' is this module's ${spec.lifecycle} already, and there can be one: put both into one function`,
      );
    owners.set(spec.lifecycle, accessor);
  }
}

/** Table ids by the accessor of the reducer that runs for them. */
function bindSchedules(
  named: readonly NamedReducer[],
  schema: SchemaSpec,
  tables: readonly TableDefinition[],
): Map<string, number> {
  const bound = new Map<string, number>();
  const reducerOf = new Map<number, string>();
  const bind = (reducer: NamedReducer, tableId: number): void => {
    const table = tables[tableId] as TableDefinition;
    const other = reducerOf.get(tableId);
    if (other === reducer.accessor) return;
    if (other !== undefined)
      fail(
        `table '${table.accessor}'`,
        `is scheduled by the reducers '${other}' and '${reducer.accessor}', but can be by one: give each a table`,
      );
    if (bound.has(reducer.accessor))
      fail(`reducer '${reducer.accessor}'`, 'is scheduled by two tables, but can be by one: write a reducer for each');
    checkScheduled(table, reducer);
    reducerOf.set(tableId, reducer.accessor);
    bound.set(reducer.accessor, tableId);
  };

  const handles = Object.values(schema.tables);
  for (const reducer of named) {
    if (reducer.spec.onSchedule !== undefined) bind(reducer, scheduledTable(reducer, handles));
  }
  for (const [tableId, handle] of handles.entries()) {
    const { scheduled } = handle[tableKey].options;
    if (scheduled === undefined) continue;
    const value = scheduled();
    const reducer = named.find((candidate) => candidate.value === value);
    bind(
      reducer ??
        fail(
          `table '${tables[tableId]?.accessor}'`,
          'its option scheduled names something that is not a reducer which this module exports: export it',
        ),
      tableId,
    );
  }
  return bound;
}

function scheduledTable({ accessor, spec }: NamedReducer, handles: readonly AnyTable[]): number {
  const tableIds = [...handles.keys()].filter((tableId) => handles[tableId] === spec.onSchedule);
  const [tableId] = tableIds;
  const place = `reducer '${accessor}'`;
  if (tableId === undefined)
    fail(place, 'its onSchedule is not a table of this schema: add the table to schema({ … })');
  if (tableIds.length > 1) fail(place, 'its onSchedule stands twice in schema({ … }): make a table() for each');
  return tableId;
}

function checkScheduled(table: TableDefinition, { accessor, spec }: NamedReducer): void {
  const place = `table '${table.accessor}'`;
  const dueColumns = table.columns.filter(({ type }) => type.type === 'scheduleAt');
  if (dueColumns.length !== 1)
    fail(place, `is scheduled, so it needs one t.scheduleAt() column, and has ${dueColumns.length}`);
  const key = table.primaryKey === undefined ? undefined : table.columns[table.primaryKey];
  if (key?.type.type !== 'u64') fail(place, 'is scheduled, so its primary key must be t.u64().primaryKey().autoInc()');
  if (table.event || table.ephemeral)
    fail(place, 'is scheduled, so its rows must be kept: remove the option event or ephemeral');
  if (spec.lifecycle !== undefined)
    fail(`reducer '${accessor}'`, `runs on ${spec.lifecycle} and can not be scheduled too: write two reducers`);

  const [param, ...others] = Object.values(spec.params);
  const type = param?.[columnKey].type;
  const takesRow = type?.type === 'product' && canonicalJson(type.fields) === canonicalJson(table.rowType.fields);
  if (!takesRow || others.length > 0)
    fail(
      `reducer '${accessor}'`,
      `is called with the due rows of '${table.accessor}': its only parameter must be { row: ${table.accessor}.rowType }`,
    );
}
