/**
 * What a reducer sees of the tables: `ctx.db.<table>`, and `ctx.db.<table>.<index>`, as types. The engine implements
 * them.
 *
 * Law: a table's type is made of its columns' marks and of its `indexes` option, by the same rules by which
 * `table-definition.ts` makes the table's indexes.
 */

import type { AnyColumn, Column, IndexAlgorithm, Mark, RowObj } from './column-builder.ts';
import type { ValueOf } from './column.ts';
import type { Range } from './range.ts';
import type { AnyTable, ColumnsOf, IndexOptions, RowOf, tableKey } from './table.ts';

export interface TableMethods<Row> {
  /**
   * Adds a row and returns it as it now is, with `autoInc` columns filled in. In a table without a primary key, adding an
   * equal row again changes nothing. Throws `unique-violation`, `row-invalid`, `auto-inc-overflow`.
   */
  insert(row: Row): Row;
  /** Removes the row equal to this one; false when there is none. */
  delete(row: Row): boolean;
  /** Removes all rows; returns how many there were. */
  clear(): bigint;
  count(): bigint;
  /** All rows, in the order of the primary key. */
  iter(): IteratorObject<Row, undefined>;
  [Symbol.iterator](): IteratorObject<Row, undefined>;
}

/** An index on which a value has at most one row. */
export interface UniqueIndex<Row, Key> {
  find(key: Key): Row | null;
  /** False when there was none. */
  delete(key: Key): boolean;
}

export interface PrimaryIndex<Row, Key> extends UniqueIndex<Row, Key> {
  /** Replaces the row which has this row's primary key. Throws `row-missing`, `unique-violation`, `row-invalid`. */
  update(row: Row): Row;
}

/** An index that knows order; `Bounds` is a value, a `Range`, or a prefix of the columns whose last may be a `Range`. */
export interface RangedIndex<Row, Bounds> {
  /** In the order of the index. */
  filter(bounds: Bounds): IteratorObject<Row, undefined>;
  /** How many were removed. */
  delete(bounds: Bounds): number;
}

/** An index that finds equal values only. */
export interface PointIndex<Row, Key> {
  filter(key: Key): IteratorObject<Row, undefined>;
  /** How many were removed. */
  delete(key: Key): number;
}

/** A table as reducers see it. */
export type TableView<T extends AnyTable> = TableMethods<RowOf<T>> & IndexViews<T>;

/** A table as views see it. */
export type ReadonlyTableView<T extends AnyTable> = Pick<
  TableMethods<RowOf<T>>,
  'count' | 'iter' | typeof Symbol.iterator
> & {
  readonly [K in keyof IndexViews<T>]: Pick<IndexViews<T>[K], Extract<keyof IndexViews<T>[K], 'find' | 'filter'>>;
};

/** Tables by accessor. */
export type Tables = Readonly<Record<string, AnyTable>>;

/** `ctx.db` of a reducer. Unchecked in a function which takes `ReducerCtx<any>`, as modules' helpers do. */
export type DbView<S extends Tables> =
  IsAny<S> extends true ? S : { readonly [K in keyof S & string]: TableView<S[K]> };

/** `ctx.db` of a view. */
export type ReadonlyDbView<S extends Tables> =
  IsAny<S> extends true ? S : { readonly [K in keyof S & string]: ReadonlyTableView<S[K]> };

/** Only `any` is wider than everything. */
type IsAny<T> = 0 extends 1 & T ? true : false;

export type MarksOf<C extends AnyColumn> = C extends Column<unknown, infer M> ? M : never;

export type ColumnAt<C extends RowObj, K> = K extends keyof C ? C[K] : never;

/** Columns that have an index of their own. */
export type IndexedColumn<C extends RowObj> = {
  [K in keyof C & string]: [MarksOf<C[K]>] extends [never] ? never : K;
}[keyof C & string];

type TableIndex<T extends AnyTable> = T[typeof tableKey]['indexes'][number];

type IndexViews<T extends AnyTable> = {
  readonly [K in IndexedColumn<ColumnsOf<T>>]: IndexView<
    T,
    readonly [K],
    Extract<MarksOf<ColumnsOf<T>[K]>, IndexAlgorithm>
  >;
} & {
  readonly [I in TableIndex<T> as I['accessor']]: IndexView<T, IndexColumns<I>, I['algorithm']>;
};

export type IndexColumns<I extends IndexOptions<string>> = I extends {
  readonly columns: infer C extends readonly string[];
}
  ? C
  : I extends { readonly column: infer C extends string }
    ? readonly [C]
    : never;

type IndexView<T extends AnyTable, Cols extends readonly string[], A extends IndexAlgorithm> =
  AllMarked<ColumnsOf<T>, Cols, 'primaryKey'> extends true
    ? PrimaryIndex<RowOf<T>, KeyOf<T, Cols>>
    : AllMarked<ColumnsOf<T>, Cols, 'primaryKey' | 'unique'> extends true
      ? UniqueIndex<RowOf<T>, KeyOf<T, Cols>>
      : [A] extends ['hash']
        ? PointIndex<RowOf<T>, KeyOf<T, Cols>>
        : RangedIndex<RowOf<T>, BoundsOf<ValuesOf<ColumnsOf<T>, Cols>>>;

/** An index is unique when each of its columns is. */
type AllMarked<C extends RowObj, Cols extends readonly string[], M extends Mark> = Cols extends readonly [
  infer K extends string,
  ...infer Rest extends readonly string[],
]
  ? [Extract<MarksOf<ColumnAt<C, K>>, M>] extends [never]
    ? false
    : AllMarked<C, Rest, M>
  : true;

type ValuesOf<C extends RowObj, Cols extends readonly string[]> = {
  readonly [I in keyof Cols]: ValueOf<ColumnAt<C, Cols[I]>>;
};

/** One column: its value. Several: a tuple of theirs. */
type KeyOf<T extends AnyTable, Cols extends readonly string[]> =
  ValuesOf<ColumnsOf<T>, Cols> extends infer V extends readonly unknown[]
    ? V extends readonly [infer One]
      ? One
      : V
    : never;

type BoundsOf<V extends readonly unknown[]> = V extends readonly [infer One]
  ? One | Range<One>
  : V extends readonly [...infer Prefix, infer Last]
    ? readonly [...Prefix, Last | Range<Last>] | BoundsOf<Prefix>
    : never;
