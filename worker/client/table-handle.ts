/** A table on the client: a query of all its rows, which the builder narrows down, and callbacks for its rows. */

import { QueryBuilder } from '../../core/module/query-builder.ts';
import { wholeTableSpec } from '../../core/module/query-spec.ts';
import type { Query } from '../../core/module/table-query.ts';
import type { TableShape } from '../../core/module/table-shape.ts';
import type { ChangedValues } from './host-api.ts';
import { type MakeRow, typedRows } from './page-rows.ts';

/** All rows of a table, by primary key: pass it to `client.live`. Row callbacks see predicted rows as well. */
export interface TableHandle<Row> extends Query<Row> {
  readonly accessor: string;
  /** Name of the field that rows are known by, if there is one. */
  readonly primaryKey: string | undefined;
  /** Calls back for each row that appears. The result stops it. */
  readonly onInsert: (listener: (row: Row) => void) => () => void;
  readonly onUpdate: (listener: (before: Row, after: Row) => void) => () => void;
  readonly onDelete: (listener: (row: Row) => void) => () => void;
}

interface RowListeners {
  readonly insert: Set<(row: never) => void>;
  readonly update: Set<(before: never, after: never) => void>;
  readonly delete: Set<(row: never) => void>;
}

export class TableState extends QueryBuilder {
  readonly accessor: string;
  readonly tableId: number;
  readonly primaryKey: string | undefined;
  readonly #rowOf: MakeRow;
  readonly #watch: () => void;
  readonly #listeners: RowListeners = { insert: new Set(), update: new Set(), delete: new Set() };

  /** `watch` asks the host for the row changes of this table. */
  constructor(table: TableShape, watch: () => void) {
    super(wholeTableSpec(table.accessor), [table]);
    this.accessor = table.accessor;
    this.tableId = table.tableId;
    this.primaryKey = table.primaryKey === undefined ? undefined : table.columns[table.primaryKey]?.field;
    this.#rowOf = typedRows(table.rowType.fields);
    this.#watch = watch;
  }

  onInsert = (listener: (row: never) => void): (() => void) => this.#listen(this.#listeners.insert, listener);
  onUpdate = (listener: (before: never, after: never) => void): (() => void) =>
    this.#listen(this.#listeners.update, listener);
  onDelete = (listener: (row: never) => void): (() => void) => this.#listen(this.#listeners.delete, listener);

  /** From the host. */
  dispatch(changes: readonly ChangedValues[]): void {
    for (const [valuesBefore, valuesAfter] of changes) {
      const before = valuesBefore && this.#rowOf(valuesBefore);
      const after = valuesAfter && this.#rowOf(valuesAfter);
      if (before === undefined) for (const listener of this.#listeners.insert) listener(after as never);
      else if (after === undefined) for (const listener of this.#listeners.delete) listener(before as never);
      else for (const listener of this.#listeners.update) listener(before as never, after as never);
    }
  }

  #listen<L>(listeners: Set<L>, listener: L): () => void {
    this.#watch();
    listeners.add(listener);
    return () => listeners.delete(listener);
  }
}
