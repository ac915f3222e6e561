/**
 * The typed query builder, as types: `tables.player.where((p) => p.score.gte(10)).orderBy((p) => p.score.desc()).limit(10)`,
 * in live queries, subscriptions and views. What runs is `query-builder.ts`.
 *
 * Law: the calls are the clauses of one SELECT. Their order does not matter, and a query is never changed: each call
 * gives a new one.
 */

import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { TimeDuration } from '../value/time-duration.ts';
import type { Timestamp } from '../value/timestamp.ts';
import type { Uuid } from '../value/uuid.ts';
import type { ValueOf } from './column.ts';
import type { QuerySpec } from './query-spec.ts';
import type { AnyTable, ColumnsOf, IndexOptions, RowOf, tableKey } from './table.ts';
import type { ColumnAt, IndexColumns, IndexedColumn, Tables } from './table-view.ts';

/** Registered, so that queries of two copies of this package recognise each other. */
export const queryKey: unique symbol = Symbol.for('forerun.query');

/** A query whose result is rows of exactly this type. */
export interface Query<Row> {
  readonly [queryKey]: QueryData<Row>;
}

interface QueryData<Row> {
  readonly spec: QuerySpec;
  /** Never set; carries `Row` through the compiler. */
  readonly row?: (row: Row) => Row;
}

/** What every query of whole rows can still be asked. */
export interface FilteredQuery<T extends AnyTable> extends Query<RowOf<T>> {
  /** Only rows for which this is true. Several are joined by AND. */
  where(condition: (row: RowExpression<T>) => Condition): FilteredQuery<T>;
  /** Rows in this order, and where it leaves a choice, by primary key. Several calls are one order, the first counts most. */
  orderBy(order: (row: RowExpression<T>) => OrderBy): FilteredQuery<T>;
  /** At most so many rows. */
  limit(rows: number): FilteredQuery<T>;
  /** Without the first so many rows. */
  offset(rows: number): FilteredQuery<T>;
  /** As SQL with its values written out, such as a subscription takes. */
  toSql(): string;
  /** @deprecated The builder is a query already. */
  build(): Query<RowOf<T>>;
}

/** The rows of one table, before it is joined. */
export interface TableQuery<T extends AnyTable> extends FilteredQuery<T>, Selectable<readonly [T]> {
  where(condition: (row: RowExpression<T>) => Condition): TableQuery<T>;
  /** The rows of this table that have a partner in the other. Both columns must be indexed. */
  leftSemijoin<O extends AnyTable>(
    other: TableQuery<O>,
    on: (left: IndexedRowExpression<T>, right: IndexedRowExpression<O>) => Predicate,
  ): FilteredQuery<T>;
  /** The rows of the other table that have a partner in this one. Both columns must be indexed. */
  rightSemijoin<O extends AnyTable>(
    other: TableQuery<O>,
    on: (left: IndexedRowExpression<T>, right: IndexedRowExpression<O>) => Predicate,
  ): FilteredQuery<O>;
}

/** The combinations of rows of several tables; `select` says what of them is wanted. */
export interface JoinedQuery<R extends readonly AnyTable[]> extends Selectable<R> {
  where(condition: (...rows: RowExpressions<R>) => Condition): JoinedQuery<R>;
}

/** What one table and joined tables have in common. */
export interface Selectable<R extends readonly AnyTable[]> {
  /** Combines each row with every row of the other table for which `on` is true; it must hold an equality of columns. */
  join<O extends AnyTable>(
    other: TableQuery<O>,
    on: (...rows: RowExpressions<readonly [...R, O]>) => Predicate,
  ): JoinedQuery<readonly [...R, O]>;
  /** One row of the result per value of these columns; `select` then takes them and aggregates. */
  groupBy(columns: (...rows: RowExpressions<R>) => OneOrMore<ColumnExpression<unknown>>): GroupedQuery<R>;
  /** Rows of these columns. With aggregates and no `groupBy`, exactly one row. */
  select<const S extends Selection>(columns: (...rows: RowExpressions<R>) => S): SelectedQuery<SelectedRow<S>>;
}

export interface GroupedQuery<R extends readonly AnyTable[]> {
  select<const S extends Selection>(columns: (...rows: RowExpressions<R>) => S): SelectedQuery<SelectedRow<S>>;
}

/** A query of columns. */
export interface SelectedQuery<Row> extends Query<Row> {
  /** Only rows of the result for which this is true, said of the selected columns. */
  having(condition: (row: SelectedExpression<Row>) => Condition): SelectedQuery<Row>;
  /** By selected columns. */
  orderBy(order: (row: SelectedExpression<Row>) => OrderBy): SelectedQuery<Row>;
  limit(rows: number): SelectedQuery<Row>;
  offset(rows: number): SelectedQuery<Row>;
}

/** A query of each table, by accessor. */
export type QueryTables<S extends Tables> = { readonly [K in keyof S & string]: TableQuery<S[K]> };

/** What a row may be compared by. */
export type RowExpression<T extends AnyTable> = {
  readonly [K in keyof ColumnsOf<T> & string]: ColumnExpression<ValueOf<ColumnsOf<T>[K]>>;
};

export type RowExpressions<R extends readonly AnyTable[]> = {
  readonly [I in keyof R]: RowExpression<R[I]>;
};

export type SelectedExpression<Row> = { readonly [K in keyof Row & string]: ColumnExpression<Row[K]> };

/** What a semijoin may compare. */
export type IndexedRowExpression<T extends AnyTable> = {
  readonly [K in IndexedColumn<ColumnsOf<T>> | FirstColumn<T[typeof tableKey]['indexes'][number]>]: ColumnExpression<
    ValueOf<ColumnAt<ColumnsOf<T>, K>>
  >;
};

type FirstColumn<I> =
  I extends IndexOptions<string>
    ? IndexColumns<I> extends readonly [infer First extends string, ...unknown[]]
      ? First
      : never
    : never;

type Tagged = { readonly tag: string };
type Literal =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | Identity
  | ConnectionId
  | Uuid
  | Timestamp
  | TimeDuration
  | Tagged;

/** Options are compared with what is inside them; for none there is `isNull`. */
type Operand<V> =
  | Extract<V, Literal>
  | ColumnExpression<V>
  | ColumnExpression<NonNullable<V>>
  | ColumnExpression<V | undefined>;

declare const valueKey: unique symbol;

/** What `select` takes. */
export interface Selected<V> {
  readonly [valueKey]?: () => V;
}

/** A column in a condition; one of booleans is a condition by itself. */
export interface ColumnExpression<V> extends Selected<V> {
  eq(other: Operand<V>): Predicate;
  ne(other: Operand<V>): Predicate;
  lt(other: Operand<V>): Predicate;
  lte(other: Operand<V>): Predicate;
  gt(other: Operand<V>): Predicate;
  gte(other: Operand<V>): Predicate;
  /** One of these values. */
  in(values: readonly Extract<V, Literal>[]): Predicate;
  /** Of texts: `%` is any text, `_` any one character; ASCII letters match in either case. */
  like(pattern: string): Predicate;
  /** Of options: there is no value. */
  isNull(): Predicate;
  isNotNull(): Predicate;
  asc(): Ordering;
  desc(): Ordering;
}

/** A column, up or down. */
export interface Ordering {
  readonly descending: boolean;
}

export type OneOrMore<T> = T | readonly T[];

export type OrderBy = OneOrMore<ColumnExpression<unknown> | Ordering>;

export interface Predicate {
  and(other: Condition): Predicate;
  or(other: Condition): Predicate;
  not(): Predicate;
}

export type Condition = Predicate | ColumnExpression<boolean> | boolean;

/** Columns and aggregates, by the names they have in the result. */
export type Selection = Readonly<Record<string, Selected<unknown>>>;

export type SelectedRow<S extends Selection> = {
  [K in keyof S & string]: S[K] extends Selected<infer V> ? V : never;
} & {};

/** The sum of numbers: a number of numbers, a bigint of bigints. */
export type SumOf<V> = Extract<V, bigint> extends never ? number : bigint;
