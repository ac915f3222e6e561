/**
 * `schema()`: the tables of a module, and the functions that belong to them.
 *
 * Law: a schema registers nothing. Reducers, views and filters are values; those which the module exports are the
 * module's, under the name of their export.
 */

import { ForerunError } from '../errors.ts';
import type { RowObj } from './column-builder.ts';
import type { ValueOf } from './column.ts';
import type { Lifecycle } from './definition.ts';
import { exportKey, isModuleExport, type ModuleExport } from './module-export.ts';
import {
  type Reducer,
  type ReducerArguments,
  type ReducerExport,
  type ReducerOptions,
  reducerExport,
  reducerSpec,
  type ScheduledReducerOptions,
} from './reducer.ts';
import { queryTables } from './query-builder.ts';
import { isTable } from './table.ts';
import type { QueryTables } from './table-query.ts';
import { tableShapes } from './table-shape.ts';
import type { Tables } from './table-view.ts';
import {
  type AnonymousViewCtx,
  type ViewCtx,
  type ViewExport,
  type ViewOptions,
  type ViewResult,
  type ViewReturn,
  type ViewRow,
  viewExport,
} from './view.ts';

/** How names in the module become names in SQL and on the wire, where none is given. */
export const CaseConversionPolicy: {
  readonly SnakeCase: { readonly tag: 'SnakeCase' };
  readonly None: { readonly tag: 'None' };
} = {
  SnakeCase: { tag: 'SnakeCase' },
  None: { tag: 'None' },
};
export type CaseConversionPolicy = (typeof CaseConversionPolicy)['SnakeCase' | 'None'];

export interface ModuleSettings {
  /** Default: `CaseConversionPolicy.SnakeCase`, which makes `lastSeen` into `last_seen`. */
  readonly CASE_CONVERSION_POLICY?: CaseConversionPolicy;
}

/** Registered, so that `defineModule` knows the schema of another copy of this package. */
export const schemaKey: unique symbol = Symbol.for('forerun.schema');

export interface SchemaSpec<S extends Tables = Tables> {
  readonly tables: S;
  readonly settings: ModuleSettings;
}

export interface AnySchema {
  readonly [schemaKey]: SchemaSpec;
}

/** The tables of a schema, by accessor, as types: `ReducerCtx<InferSchema<typeof game>>`. */
export type InferSchema<X extends AnySchema> = X extends { readonly [schemaKey]: SchemaSpec<infer S> } ? S : never;

/**
 * Makes the schema of a module, which is its default export. A table's key here is its name on `ctx.db`.
 *
 *     const game = schema({ player, match });
 *     export default game;
 */
export function schema<const S extends Tables>(tables: S, settings: ModuleSettings = {}): Schema<S> {
  if (isTable(settings)) {
    throw new ForerunError('module-invalid', 'schema(): pass one object of tables: schema({ player, match }).');
  }
  if (isTable(tables)) {
    throw new ForerunError(
      'module-invalid',
      'schema(): a table has no name by itself. Write schema({ player }) instead of schema(player).',
    );
  }
  for (const [accessor, value] of Object.entries(tables)) {
    if (isTable(value)) continue;
    const hint = isNamespace(value)
      ? 'is a module: submodules are not supported yet, so put its tables here'
      : 'is not a table: make it with table({ … }, { … })';
    throw new ForerunError('module-invalid', `schema(): '${accessor}' ${hint}.`, { detail: { table: accessor } });
  }
  return new Schema({ tables, settings });
}

function isNamespace(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'default' in value;
}

/** Apart, because isolatedDeclarations wants a type written out where a symbol is a class's key. */
const SchemaData: new <S extends Tables>(spec: SchemaSpec<S>) => { readonly [schemaKey]: SchemaSpec<S> } = class<
  S extends Tables,
> {
  readonly [schemaKey]: SchemaSpec<S>;

  constructor(spec: SchemaSpec<S>) {
    this[schemaKey] = spec;
  }
};

/** Made by `schema()`. */
export class Schema<S extends Tables> extends SchemaData<S> {
  #queries: QueryTables<S> | undefined;

  /**
   * A query of each table, for live queries and subscriptions: `game.tables.player.where((p) => p.score.gte(10))`. In
   * views it is `ctx.from`, and at a client `client.tables`.
   */
  get tables(): QueryTables<S> {
    this.#queries ??= queryTables<S>(tableShapes(this[schemaKey]));
    return this.#queries;
  }

  /** The tables, for their type: `ReducerCtx<typeof game.schemaType>`. */
  get schemaType(): S {
    return this[schemaKey].tables;
  }

  /** A reducer. Its name is that of its export. Options: `name`, `predict`, `onSchedule`. */
  reducer(run: Reducer<S, {}>): ReducerExport<S, {}, true>;
  reducer<P extends RowObj, const O extends ScheduledReducerOptions<P>>(
    options: O,
    params: P,
    run: Reducer<S, P>,
  ): ReducerExport<S, P, IsCallable<O>>;
  reducer(options: ReducerOptions & SomeOption, run: Reducer<S, {}>): ReducerExport<S, {}, true>;
  // The compiler explains why the last one does not fit, so it is the one which is meant most often.
  reducer<P extends RowObj>(params: P, run: Reducer<S, P>): ReducerExport<S, P, true>;
  reducer(...args: ReducerArguments): ReducerExport<S, RowObj> {
    return reducerExport(reducerSpec(this[schemaKey], args, undefined));
  }

  /** Runs once, as the first call of a new database. If it throws, there is no database. */
  init(run: Reducer<S, {}>): ReducerExport<S, {}, false>;
  init(options: ReducerOptions, run: Reducer<S, {}>): ReducerExport<S, {}, false>;
  init(...args: ReducerArguments): ReducerExport<S, {}, false> {
    return this.#lifecycle('init', args);
  }

  /** Runs when a connection begins. If it throws, the connection is refused. */
  clientConnected(run: Reducer<S, {}>): ReducerExport<S, {}, false>;
  clientConnected(options: ReducerOptions, run: Reducer<S, {}>): ReducerExport<S, {}, false>;
  clientConnected(...args: ReducerArguments): ReducerExport<S, {}, false> {
    return this.#lifecycle('clientConnected', args);
  }

  /** Runs when a connection has ended, however it ended. */
  clientDisconnected(run: Reducer<S, {}>): ReducerExport<S, {}, false>;
  clientDisconnected(options: ReducerOptions, run: Reducer<S, {}>): ReducerExport<S, {}, false>;
  clientDisconnected(...args: ReducerArguments): ReducerExport<S, {}, false> {
    return this.#lifecycle('clientDisconnected', args);
  }

  /** Rows computed for each viewer: `t.array(row)` of them, or `t.option(row)`. */
  view<R extends ViewReturn, F extends (ctx: ViewCtx<S>) => ViewResult<ValueOf<R>>>(
    options: ViewOptions,
    returns: R,
    run: F,
  ): ViewExport<F, ViewRow<ValueOf<R>>> {
    return viewExport(this[schemaKey], options, returns, run, false);
  }

  /** Rows computed once for everyone. */
  anonymousView<R extends ViewReturn, F extends (ctx: AnonymousViewCtx<S>) => ViewResult<ValueOf<R>>>(
    options: ViewOptions,
    returns: R,
    run: F,
  ): ViewExport<F, ViewRow<ValueOf<R>>> {
    return viewExport(this[schemaKey], options, returns, run, true);
  }

  /** `sql(…)` lets a viewer see only the rows that the query selects; `:sender` is the viewer. Several are alternatives. */
  get clientVisibilityFilter(): { sql(filter: string): ModuleExport } {
    return { sql: (sql) => ({ [exportKey]: { type: 'visibilityFilter', schema: this[schemaKey], sql } }) };
  }

  /** Several exports as one; each is called by its key here. */
  exportGroup<const E extends Readonly<Record<string, ModuleExport>>>(exports: E): ExportGroup<E> {
    for (const [name, value] of Object.entries(exports)) {
      if (isModuleExport(value)) continue;
      throw new ForerunError(
        'module-invalid',
        `exportGroup(): '${name}' is not a reducer, view or filter of a schema.`,
        { detail: { export: name } },
      );
    }
    return { [exportKey]: { type: 'group', schema: this[schemaKey], exports } };
  }

  /** Not supported yet: throws module-invalid. */
  procedure(..._definition: readonly unknown[]): never {
    return notSupported('procedure', 'write a reducer, and do what it can not do (fetch, wait) in your own server');
  }

  /** Not supported yet: throws module-invalid. */
  httpHandler(..._definition: readonly unknown[]): never {
    return notSupported('httpHandler', 'answer HTTP requests in your own server, which may call reducers');
  }

  /** Not supported yet: throws module-invalid. */
  httpRouter(..._definition: readonly unknown[]): never {
    return notSupported('httpRouter', 'answer HTTP requests in your own server, which may call reducers');
  }

  #lifecycle(lifecycle: Lifecycle, args: ReducerArguments): ReducerExport<S, {}, false> {
    return reducerExport(reducerSpec(this[schemaKey], args, lifecycle));
  }
}

/** Tells options from parameters, which may be an empty object. */
type SomeOption = { readonly name: string } | { readonly predict: boolean };

/** Clients may call a reducer unless a table's due rows do. */
type IsCallable<O> = O extends { readonly onSchedule: object } ? false : true;

/** What `exportGroup()` returns. */
export interface ExportGroup<E extends Readonly<Record<string, ModuleExport>>> extends ModuleExport {
  readonly [exportKey]: ModuleExport[typeof exportKey] & { readonly exports: E };
}

function notSupported(what: string, instead: string): never {
  throw new ForerunError('module-invalid', `${what}() is not supported yet: ${instead}.`);
}
