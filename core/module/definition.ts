/**
 * A module resolved to plain data, plus its functions: what `schema()`, `table()` and `reducer()` build up, in the form
 * the engine, the authority and the client work from. Names are unique and checked by the time a definition exists.
 */

import type { ColumnType, ProductType } from '../value/column-type.ts';

export interface ModuleDefinition {
  /**
   * Sorted as written in `schema({...})`, then one for each view; a table's position here is its `tableId` on the wire and
   * in the log.
   */
  readonly tables: readonly TableDefinition[];
  /** Sorted by name; a reducer's position here is its `reducerId` on the wire. */
  readonly reducers: readonly ReducerDefinition[];
  /** Sorted by name. */
  readonly views: readonly ViewDefinition[];
  /** Queries of which a viewer sees the results only, for the tables they select from; in the order of their exports. */
  readonly visibilityFilters: readonly string[];
  /** Hex digest of the tables' and reducers' shapes (not of the code): equal hashes understand each other's bytes. */
  readonly hash: string;
}

export interface TableDefinition {
  readonly tableId: number;
  /** Name in SQL. */
  readonly name: string;
  /** Name on `ctx.db`. */
  readonly accessor: string;
  readonly public: boolean;
  /** Rows are broadcast at commit and never kept (SpacetimeDB's event tables). */
  readonly event: boolean;
  /** Rows belong to a connection, are never logged, and go when it goes. */
  readonly ephemeral: boolean;
  /** Of an ephemeral table: how often others are sent what changed. */
  readonly sendsPerSecondMax?: number;
  readonly columns: readonly ColumnDefinition[];
  /** The row's type as one product: `columns` in order, under their row field names. */
  readonly rowType: ProductType;
  /** Position in `columns`, or undefined: then the whole row is its key (set semantics). */
  readonly primaryKey: number | undefined;
  /** All indexes, the primary key's and the unique columns' included. */
  readonly indexes: readonly IndexDefinition[];
  /** Set for what a view is to those who read it: reducers have no such table, and nothing of it is logged or stored. */
  readonly view?: { readonly name: string };
  /** Of the rows that a view has for one viewer: the id of the view's table, by which they go on the wire. */
  readonly wireTableId?: number;
}

export interface ColumnDefinition {
  /** Name of the field on a row object. */
  readonly field: string;
  /** Name in SQL. */
  readonly name: string;
  readonly type: ColumnType;
  readonly autoInc: boolean;
  /** Value for rows written before the column existed; absent when the column has none. */
  readonly defaultValue?: unknown;
}

export interface IndexDefinition {
  /** Name on `ctx.db.<table>`. */
  readonly accessor: string;
  /** Name in SQL. */
  readonly name: string;
  readonly algorithm: 'btree' | 'hash' | 'direct';
  /** Positions in `columns`. */
  readonly columns: readonly number[];
  readonly unique: boolean;
  readonly primary: boolean;
}

export type Lifecycle = 'init' | 'clientConnected' | 'clientDisconnected';

/** One run for all that were missed, or as many as were. */
export type WhenLate = 'skip' | 'catchUp';

export interface ReducerDefinition {
  readonly reducerId: number;
  /** Name on the wire and over HTTP. */
  readonly name: string;
  /** Name of its export, by which clients that have the module call it. */
  readonly accessor: string;
  readonly params: ProductType;
  /** Set for lifecycle hooks, which no client may call. */
  readonly lifecycle: Lifecycle | undefined;
  /** The table whose due rows this reducer is called with; no client may call it. */
  readonly scheduledTableId: number | undefined;
  /** Of a scheduled reducer: what becomes of the runs of an interval that could not be made in time. */
  readonly whenLate: WhenLate;
  /** False: sent to the authority without running here first. */
  readonly predict: boolean;
  /** The user's function. Its context is built by the engine; the types were checked where it was defined. */
  readonly run: (ctx: never, args: never) => unknown;
}

export interface ViewDefinition {
  /** Name in SQL. */
  readonly name: string;
  /** Name of its export. */
  readonly accessor: string;
  /** The same for every viewer. */
  readonly anonymous: boolean;
  /** It returns any number of rows, or at most one. */
  readonly returns: 'rows' | 'row';
  readonly columns: readonly ColumnDefinition[];
  readonly rowType: ProductType;
  /** Position in `columns`; by it, viewers see updates instead of deletes and inserts. */
  readonly primaryKey: number | undefined;
  /** The user's function. It returns rows, a row or undefined, or a query. */
  readonly run: (ctx: never) => unknown;
}
