/**
 * A module as far as a page needs it: what its tables and views look like, and which reducers it may call with what.
 *
 * Law: of a sound module it is what `resolveModule` makes, less what only those need who run it. It checks nothing.
 */

import { columnKey } from './column-key.ts';
import type { ReducerDefinition } from './definition.ts';
import type { ModuleExports } from './module.ts';
import { exportKey, isModuleExport, type ModuleExport, type ReducerSpec } from './module-export.ts';
import { byName, canonicalName } from './canonical-name.ts';
import { type CaseConversionPolicy, type SchemaSpec, schemaKey } from './schema.ts';
import { tableKey } from './table.ts';
import { type TableShape, tableShapes, type ViewShape, viewShape } from './table-shape.ts';

export interface PageModule {
  readonly tables: readonly TableShape[];
  readonly reducers: readonly ReducerShape[];
}

export type ReducerShape = Pick<
  ReducerDefinition,
  'reducerId' | 'name' | 'accessor' | 'params' | 'lifecycle' | 'scheduledTableId' | 'whenLate' | 'predict'
>;

export function pageModule(exports: ModuleExports): PageModule {
  const schema = exports.default[schemaKey];
  const policy = schema.settings.CASE_CONVERSION_POLICY ?? { tag: 'SnakeCase' };
  const tables = tableShapes(schema);
  const views: ViewShape[] = [];
  const reducers: Omit<ReducerShape, 'reducerId'>[] = [];
  for (const [accessor, value] of namedExports(exports)) {
    const spec = value[exportKey];
    if (spec.type === 'view') views.push(viewShape(spec, accessor, policy));
    if (spec.type === 'reducer') reducers.push(reducerShape(value, spec, accessor, schema, policy));
  }
  const viewTables = views.toSorted(byName).map((view, i) => ({ tableId: tables.length + i, ...view }));
  return {
    tables: [...tables, ...viewTables],
    reducers: reducers.toSorted(byName).map((reducer, reducerId) => ({ reducerId, ...reducer })),
  };
}

/** With the members of groups. */
export function namedExports(exports: Readonly<Record<string, unknown>>): [string, ModuleExport][] {
  return Object.entries(exports).flatMap(([accessor, value]): [string, ModuleExport][] => {
    if (!isModuleExport(value)) return [];
    const spec = value[exportKey];
    return spec.type === 'group' ? namedExports(spec.exports) : [[accessor, value]];
  });
}

function reducerShape(
  value: ModuleExport,
  spec: ReducerSpec,
  accessor: string,
  schema: SchemaSpec,
  policy: CaseConversionPolicy,
): Omit<ReducerShape, 'reducerId'> {
  return {
    name: canonicalName(spec.name, accessor, policy),
    accessor,
    params: {
      type: 'product',
      fields: Object.entries(spec.params).map(([name, column]) => ({ name, type: column[columnKey].type })),
    },
    lifecycle: spec.lifecycle,
    scheduledTableId: scheduledTableId(value, spec, schema),
    whenLate: spec.whenLate,
    predict: spec.predict,
  };
}

/** The table names its reducer, or the reducer its table. */
function scheduledTableId(reducer: object, { onSchedule }: ReducerSpec, { tables }: SchemaSpec): number | undefined {
  const tableId = Object.values(tables).findIndex(
    (table) => table === onSchedule || table[tableKey].options.scheduled?.() === reducer,
  );
  return tableId < 0 ? undefined : tableId;
}
