/** Views and visibility filters as a module declares them. They are data here; the authority runs them. */

import type { Column, TypeBuilder } from './column-builder.ts';
import { columnKey } from './column-key.ts';
import type { Identity } from '../value/identity.ts';
import { exportKey, type ViewSpec } from './module-export.ts';
import type { Table } from './table.ts';
import type { Query, QueryTables } from './table-query.ts';
import type { ReadonlyDbView, Tables } from './table-view.ts';

/** What a view sees which is the same for everyone. */
export interface AnonymousViewCtx<S extends Tables> {
  readonly db: ReadonlyDbView<S>;
  /** Queries over the tables, to be returned instead of rows. */
  readonly from: QueryTables<S>;
}

/** What a view sees which is made for one viewer. */
export interface ViewCtx<S extends Tables> extends AnonymousViewCtx<S> {
  readonly sender: Identity;
}

export interface ViewOptions {
  /** Name in SQL; otherwise made from the export's name. */
  readonly name?: string;
  /** Views can be read by every client; said, so that nobody is surprised. */
  readonly public: true;
}

/** Several rows or one: `t.array(row)`, `t.option(row)`. */
export type ViewReturn = TypeBuilder<readonly object[] | object | undefined>;

/** The rows, or a query which has them. */
export type ViewResult<V> = V | Query<V extends readonly (infer Row)[] ? Row : NonNullable<V>>;

export type ViewExport<F, Row extends object = object> = F & { readonly [exportKey]: TypedViewSpec<Row> };

interface TypedViewSpec<Row extends object> extends ViewSpec {
  /** Never set; carries `Row` through the compiler. */
  readonly viewRow?: () => Row;
}

/** What a view returns several of, or one. */
export type ViewRow<V> = Extract<V extends readonly (infer Row)[] ? Row : NonNullable<V>, object>;

/** The table that a view is to those who read it. Its columns can all be compared in semijoins. */
export type ViewTable<Row extends object> = Table<
  { readonly [K in keyof Row & string]-?: Column<Row[K], 'btree'> },
  readonly []
>;

/** The tables that a module's views are, by the name of their export. */
export type ViewTablesOf<M> = {
  readonly [K in keyof M & string as M[K] extends ViewMark<object> ? K : never]: M[K] extends ViewMark<infer Row>
    ? ViewTable<Row>
    : never;
};

interface ViewMark<Row extends object> {
  readonly [exportKey]: { readonly type: 'view'; readonly viewRow?: () => Row };
}

/** A function of any view's type; the methods of `Schema` check each one. */
type AnyView = ViewSpec['run'];

export function viewExport<F extends AnyView, Row extends object>(
  schema: object,
  options: ViewOptions,
  returns: ViewReturn,
  run: F,
  anonymous: boolean,
): ViewExport<F, Row> {
  const { type, row } = returns[columnKey];
  const spec: TypedViewSpec<Row> = { type: 'view', schema, name: options.name, anonymous, returns: type, row, run };
  // Wrapped, so that one function may serve two views. The wrapper has the function's own type, which `F` can't tell.
  return Object.assign(((ctx: never) => run(ctx)) as F, { [exportKey]: spec });
}
