/**
 * A module as far as a page needs it: what its tables look like, and which reducers it may call with what.
 *
 * Law: of a sound module it is what `resolveModule` makes, less what only those need who run it. It checks nothing.
 */

import { columnKey } from './column-builder.ts';
import type { ReducerDefinition } from './definition.ts';
import type { ModuleExports } from './module.ts';
import { exportKey, isModuleExport, type ReducerSpec } from './module-export.ts';
import { byName, canonicalName } from './canonical-name.ts';
import { type SchemaSpec, schemaKey } from './schema.ts';
import { tableKey } from './table.ts';
import { type TableShape, tableShapes } from './table-shape.ts';

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
  const reducers = reducersIn(exports).map(([accessor, value, spec]) => ({
    name: canonicalName(spec.name, accessor, policy),
    accessor,
    params: {
      type: 'product' as const,
      fields: Object.entries(spec.params).map(([name, column]) => ({ name, type: column[columnKey].type })),
    },
    lifecycle: spec.lifecycle,
    scheduledTableId: scheduledTableId(value, spec, schema),
    whenLate: spec.whenLate,
    predict: spec.predict,
  }));
  return {
    tables: tableShapes(schema),
    reducers: reducers.toSorted(byName).map((reducer, reducerId) => ({ reducerId, ...reducer })),
  };
}

/** With the members of groups. */
function reducersIn(exports: Readonly<Record<string, unknown>>): [string, object, ReducerSpec][] {
  return Object.entries(exports).flatMap(([accessor, value]): [string, object, ReducerSpec][] => {
    if (!isModuleExport(value)) return [];
    const spec = value[exportKey];
    if (spec.type === 'group') return reducersIn(spec.exports);
    return spec.type === 'reducer' ? [[accessor, value, spec]] : [];
  });
}

/** The table names its reducer, or the reducer its table. */
function scheduledTableId(reducer: object, { onSchedule }: ReducerSpec, { tables }: SchemaSpec): number | undefined {
  const tableId = Object.values(tables).findIndex(
    (table) => table === onSchedule || table[tableKey].options.scheduled?.() === reducer,
  );
  return tableId < 0 ? undefined : tableId;
}
