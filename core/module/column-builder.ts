/**
 * Column builders: what `t.u32().primaryKey()` is made of.
 *
 * Law: a builder is immutable. Each step returns a new one, so one object of columns can be shared by several tables.
 * Which steps may still follow is part of the builder's TypeScript type: `default()` is gone after `primaryKey()`, and a
 * string never has `autoInc()`. JavaScript callers get the same refusals from `defineModule`.
 */

import type { ColumnType } from '../value/column-type.ts';
import { columnKey } from './column-key.ts';

export type IndexAlgorithm = 'btree' | 'hash' | 'direct';

/** What the types of `ctx.db` must know of a column beside its value: whether it has an index, and which. */
export type Mark = 'primaryKey' | 'unique' | IndexAlgorithm;

/** A column as plain data, and (in types only) its value's type and its marks. */
export interface ColumnSpec<T, M extends Mark> {
  readonly type: ColumnType;
  /** Name in SQL, when given. */
  readonly name?: string;
  readonly index?: IndexAlgorithm;
  readonly primaryKey?: true;
  readonly unique?: true;
  readonly autoInc?: true;
  /** Wrapped, since a default of `undefined` differs from none. */
  readonly defaultValue?: { readonly value: unknown };
  /** The columns of the row that this is, or is an array or an option of: a view's key is read from them. */
  readonly row?: RowObj;
  /** Never set; carries `T` through the compiler. */
  readonly value?: () => T;
  /** Never set; carries `M` through the compiler. */
  readonly marks?: () => M;
}

/** Anything that can describe a column of a table or a parameter of a reducer. */
export interface Column<T, M extends Mark> {
  readonly [columnKey]: ColumnSpec<T, M>;
}

export type AnyColumn = Column<unknown, Mark>;

/** An object of columns: a row's shape, or a reducer's parameters. */
export type RowObj = Readonly<Record<string, AnyColumn>>;

/** A column that says nothing but its type, and may therefore stand inside an array, an object, an option … */
export interface TypeBuilder<T> extends Column<T, never> {
  optional(): TypeBuilder<T | undefined>;
}

export type Step = 'optional' | 'name' | 'default' | 'index' | 'unique' | 'primaryKey' | 'autoInc';

/** A column with value `T`, the steps `S` that may still follow, and the marks `M` it has got. */
export type ColumnBuilder<T, S extends Step, M extends Mark> = Column<T, M> & Pick<ColumnSteps<T, S, M>, S>;

/** A type which has no steps but these two of its own. */
export type PlainBuilder<T> = ColumnBuilder<T, 'optional' | 'name' | 'default', never>;
/** A type which can be ordered but is no key: floats. */
export type OrderedBuilder<T> = ColumnBuilder<T, 'optional' | 'name' | 'default' | 'index', never>;
/** A type which can be a key. */
export type KeyBuilder<T> = ColumnBuilder<T, Exclude<Step, 'autoInc'>, never>;
export type IntegerBuilder<T> = ColumnBuilder<T, Step, never>;

interface ColumnSteps<T, S extends Step, M extends Mark> {
  /** The value may be absent: `undefined` in a row, NULL in SQL. */
  optional(): PlainBuilder<T | undefined>;
  /** Names the column in SQL; its field on a row keeps the name it has in the module. */
  name(name: string): ColumnBuilder<T, Exclude<S, 'optional'>, M>;
  /** What rows written before this column existed get. Not for `primaryKey`, `unique` or `autoInc` columns. */
  default(value: T): ColumnBuilder<T, Exclude<S, 'optional' | 'unique' | 'primaryKey' | 'autoInc'>, M>;
  /** Makes `ctx.db.<table>.<column>.filter()`. `hash` finds equal values only, `direct` is for small unsigned integers. */
  index(): ColumnBuilder<T, Exclude<S, 'optional' | 'index'>, M | 'btree'>;
  index<const A extends IndexAlgorithm>(algorithm: A): ColumnBuilder<T, Exclude<S, 'optional' | 'index'>, M | A>;
  /** No two rows have the same value; makes `find()` and `delete()`. */
  unique(): ColumnBuilder<T, Exclude<S, 'optional' | 'default' | 'unique'>, M | 'unique'>;
  /** Unique, and what a row is known by; makes `find()`, `delete()` and `update()`. One per table. */
  primaryKey(): ColumnBuilder<T, Exclude<S, 'optional' | 'default' | 'primaryKey'>, M | 'primaryKey'>;
  /** A row inserted with 0 here gets the next number instead, from 1. Numbers may be skipped, and never come again. */
  autoInc(): ColumnBuilder<T, Exclude<S, 'optional' | 'default' | 'autoInc'>, M>;
}

class Builder implements Column<unknown, Mark> {
  readonly [columnKey]: ColumnSpec<unknown, Mark>;

  constructor(spec: ColumnSpec<unknown, Mark>) {
    this[columnKey] = spec;
  }

  #with(more: Partial<ColumnSpec<unknown, Mark>>): Builder {
    return new Builder({ ...this[columnKey], ...more });
  }

  optional(): Builder {
    const { type, row } = this[columnKey];
    return new Builder({ type: { type: 'option', value: type }, ...(row && { row }) });
  }

  name(name: string): Builder {
    return this.#with({ name });
  }

  default(value: unknown): Builder {
    return this.#with({ defaultValue: { value } });
  }

  index(algorithm: IndexAlgorithm = 'btree'): Builder {
    return this.#with({ index: algorithm });
  }

  unique(): Builder {
    return this.#with({ unique: true });
  }

  primaryKey(): Builder {
    return this.#with({ primaryKey: true });
  }

  autoInc(): Builder {
    return this.#with({ autoInc: true });
  }
}

/** A builder of this type; the caller names the TypeScript type by which the steps it may take are known. */
export function columnBuilder<B extends AnyColumn>(type: ColumnType, row?: RowObj): B {
  const builder: AnyColumn = new Builder({ type, ...(row && { row }) });
  // The class has every step. `B` hides those which make no sense for the type, which the compiler can't derive.
  return builder as B;
}

export function isColumn(value: unknown): value is AnyColumn {
  return typeof value === 'object' && value !== null && columnKey in value;
}

/** Names an enum's variant can't be reached by on its builder, since they are steps. */
export const stepNames: ReadonlySet<string> = new Set<Step>([
  'optional',
  'name',
  'default',
  'index',
  'unique',
  'primaryKey',
  'autoInc',
]);
