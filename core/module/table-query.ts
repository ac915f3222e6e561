/**
 * The typed query builder, as types: `tables.player.where((p) => p.score.gte(10))`, in subscriptions and in views. The
 * builder itself belongs to `core/query/`.
 */

import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { TimeDuration } from '../value/time-duration.ts';
import type { Timestamp } from '../value/timestamp.ts';
import type { Uuid } from '../value/uuid.ts';
import type { ValueOf } from './column.ts';
import type { AnyTable, ColumnsOf, IndexOptions, RowOf, tableKey } from './table.ts';
import type { ColumnAt, IndexColumns, IndexedColumn, Tables } from './table-view.ts';

/** Registered, so that queries of two copies of this package recognise each other. */
export const queryKey: unique symbol = Symbol.for('forerun.query');

/** A query whose result is rows of exactly this type. */
export interface Query<Row> {
  readonly [queryKey]: { readonly row?: (row: Row) => Row };
}

/** The rows of one table which fulfil a condition. */
export interface FilteredQuery<T extends AnyTable> extends Query<RowOf<T>> {
  where(condition: (row: RowExpression<T>) => Condition): FilteredQuery<T>;
  toSql(): string;
  /** @deprecated The builder is a query already. */
  build(): Query<RowOf<T>>;
}

/** The rows of one table, before it is joined. */
export interface TableQuery<T extends AnyTable> extends FilteredQuery<T> {
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

/** A query of each table, by accessor. */
export type QueryTables<S extends Tables> = { readonly [K in keyof S & string]: TableQuery<S[K]> };

/** What a row may be compared by. */
export type RowExpression<T extends AnyTable> = {
  readonly [K in keyof ColumnsOf<T> & string]: ColumnExpression<ValueOf<ColumnsOf<T>[K]>>;
};

/** What a join may compare. */
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

type Literal = string | number | bigint | boolean | Identity | ConnectionId | Uuid | Timestamp | TimeDuration;

type Operand<V> = Extract<V, Literal> | ColumnExpression<V>;

declare const valueKey: unique symbol;

/** A column in a condition; one of booleans is a condition by itself. */
export interface ColumnExpression<V> {
  readonly [valueKey]?: () => V;
  eq(other: Operand<V>): Predicate;
  ne(other: Operand<V>): Predicate;
  lt(other: Operand<V>): Predicate;
  lte(other: Operand<V>): Predicate;
  gt(other: Operand<V>): Predicate;
  gte(other: Operand<V>): Predicate;
}

export interface Predicate {
  and(other: Predicate): Predicate;
  or(other: Predicate): Predicate;
  not(): Predicate;
}

export type Condition = Predicate | ColumnExpression<boolean> | boolean;
