/**
 * A module resolved ahead of time, as data that can be written into a file: what a build makes for a worker, which then
 * needs neither what resolves and checks modules nor what hashes them.
 *
 * Law: attached to the module that it was made of, it is what `defineModule` makes, but for values that rows written
 * before a column existed get: those are the authority's business.
 */

import { ForerunError } from '../errors.ts';
import type {
  ColumnDefinition,
  ModuleDefinition,
  ReducerDefinition,
  TableDefinition,
  ViewDefinition,
} from './definition.ts';
import type { ModuleExports } from './module.ts';
import { exportKey } from './module-export.ts';
import { namedExports } from './page-module.ts';

export interface CompiledModule extends Omit<ModuleDefinition, 'tables' | 'reducers' | 'views'> {
  readonly tables: readonly (Omit<TableDefinition, 'columns'> & { readonly columns: readonly CompiledColumn[] })[];
  readonly reducers: readonly Omit<ReducerDefinition, 'run'>[];
  readonly views: readonly (Omit<ViewDefinition, 'run' | 'columns'> & {
    readonly columns: readonly CompiledColumn[];
  })[];
}

type CompiledColumn = Omit<ColumnDefinition, 'defaultValue'>;

export function compileModule({ tables, reducers, views, ...rest }: ModuleDefinition): CompiledModule {
  return {
    ...rest,
    tables: tables.map((table) => ({ ...table, columns: table.columns.map(compiledColumn) })),
    reducers: reducers.map(({ run: _, ...reducer }) => reducer),
    views: views.map(({ run: _, ...view }) => ({ ...view, columns: view.columns.map(compiledColumn) })),
  };
}

function compiledColumn({ defaultValue: _, ...column }: ColumnDefinition): CompiledColumn {
  return column;
}

/** Throws `internal` when it is another module's. */
export function attachModule(exports: ModuleExports, compiled: CompiledModule): ModuleDefinition {
  const specs = new Map(namedExports(exports).map(([accessor, value]) => [accessor, value[exportKey]]));
  return {
    ...compiled,
    reducers: compiled.reducers.map((reducer) => {
      const spec = specs.get(reducer.accessor);
      return spec?.type === 'reducer' ? { ...reducer, run: spec.run } : refuse(reducer.accessor);
    }),
    views: compiled.views.map((view) => {
      const spec = specs.get(view.accessor);
      return spec?.type === 'view' ? { ...view, run: spec.run } : refuse(view.accessor);
    }),
  };
}

function refuse(accessor: string): never {
  throw new ForerunError(
    'internal',
    `The module was built with '${accessor}', which it does not export: build it again.`,
  );
}
