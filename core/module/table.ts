/**
 * `table()`: columns, keys and indexes, before they have a name of their own.
 *
 * Law: a table is plain immutable data. What it is called, and whether it is sound, is known once it is part of a
 * schema; `defineModule` checks it there.
 */

import { ForerunError } from '../errors.ts';
import { isColumn, type RowObj } from './column-builder.ts';
import { type InferTypeOfRow, type RowBuilder, t } from './column.ts';
import type { ModuleExport } from './module-export.ts';

/** An index over one or more columns; `accessor` is its name on `ctx.db.<table>`. */
export type IndexOptions<C extends string> =
  | {
      readonly accessor: string;
      readonly name?: string;
      readonly algorithm: 'btree' | 'hash';
      readonly columns: readonly C[];
    }
  | { readonly accessor: string; readonly name?: string; readonly algorithm: 'direct'; readonly column: C };

export interface ConstraintOptions<C extends string> {
  readonly name?: string;
  readonly constraint: 'unique';
  readonly columns: readonly [C];
}

export interface TableOptions<C extends string = string> {
  /** Name in SQL; otherwise made from the table's key in `schema({...})`. */
  readonly name?: string;
  /** Every client may read it. Default: only reducers. */
  readonly public?: boolean;
  readonly indexes?: readonly IndexOptions<C>[];
  readonly constraints?: readonly ConstraintOptions<C>[];
  /** The reducer that is called with the rows which are due. Prefer `reducer({ onSchedule: table }, …)`. */
  readonly scheduled?: () => ModuleExport;
  /** Rows are sent to subscribers when their call commits, and never kept. */
  readonly event?: boolean;
  /** Rows belong to the connection whose call inserted them: they go when it goes, and are never logged. */
  readonly ephemeral?: boolean | EphemeralOptions;
}

export interface EphemeralOptions {
  /** Others are sent the newest row of each key at most so often; who made the call has it at once. Default 30. */
  readonly sendsPerSecondMax?: number;
}

/** Registered, so that tables of two copies of this package recognise each other. */
export const tableKey: unique symbol = Symbol.for('forerun.table');

/** What `table()` returns, for `schema({...})`. */
export interface Table<C extends RowObj, I extends readonly IndexOptions<string>[]> {
  readonly [tableKey]: { readonly options: TableOptions; readonly indexes: I };
  /** The row's shape, for arguments of scheduled reducers and for what views return. */
  readonly rowType: RowBuilder<C>;
}

export type AnyTable = Table<RowObj, readonly IndexOptions<string>[]>;

/** The columns of a table. */
export type ColumnsOf<T extends AnyTable> = T['rowType']['row'];

/** The row of a table. */
export type RowOf<T extends AnyTable> = InferTypeOfRow<ColumnsOf<T>>;

type IndexesIn<O> = O extends { readonly indexes: infer I extends readonly IndexOptions<string>[] } ? I : readonly [];

/**
 * Describes a table. Columns are an object of types, or a `t.row(...)` that several tables share.
 *
 *     const player = table({ name: 'player', public: true }, { id: t.identity().primaryKey(), name: t.string() });
 *
 * What can't be true together (two primary keys, a default on a key, …) is refused by `defineModule` (module-invalid).
 */
export function table<C extends RowObj, const O extends TableOptions<keyof C & string>>(
  options: O,
  columns: C | RowBuilder<C>,
): Table<C, IndexesIn<O>> {
  if (typeof columns !== 'object' || columns === null) {
    throw new ForerunError(
      'module-invalid',
      `table(${options?.name ?? ''}): pass the options first, then the columns: table({ public: true }, { id: t.u32() }).`,
    );
  }
  // A row builder is recognised by its brand, which the compiler can't tell from a column of that name.
  const rowType = isColumn(columns) ? (columns as RowBuilder<C>) : t.row(columns);
  // `O` fixed what is in `indexes`; left out, it is the empty list that `IndexesIn` says.
  const indexes = (options.indexes ?? []) as IndexesIn<O>;
  return { [tableKey]: { options, indexes }, rowType };
}

export function isTable(value: unknown): value is AnyTable {
  return typeof value === 'object' && value !== null && tableKey in value;
}
