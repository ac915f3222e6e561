/**
 * Rows of a subscription that begins, or keys of one that ends, on their way: collected until the authority says that
 * all of them are here.
 */

import type { Key, Row, RowChange } from '../core/commit/row-change.ts';
import type { RowShape } from '../core/engine/row-shape.ts';
import type { LeavingMessage, SnapshotMessage, StagedMessage } from '../core/protocol/messages.ts';

export class StagedRows {
  readonly #shapeOf: (tableId: number) => RowShape;
  readonly #tables = new Map<number, Map<Key, Row | undefined>>();

  constructor(shapeOf: (tableId: number) => RowShape) {
    this.#shapeOf = shapeOf;
  }

  receive(message: SnapshotMessage | StagedMessage | LeavingMessage): void {
    if (message.type === 'snapshot') {
      const { keyOf } = this.#shapeOf(message.tableId);
      for (const row of message.rows) this.#table(message.tableId).set(keyOf(row), row);
    } else if (message.type === 'leaving') {
      for (const key of message.keys) this.#table(message.tableId).set(key, undefined);
    } else {
      for (const { changes } of message.commits) for (const change of changes) this.#change(change);
    }
  }

  /** What makes them rows of the replica. */
  entering(): RowChange[] {
    return this.#changes((row) => row);
  }

  /** What takes them out of it. */
  leaving(): RowChange[] {
    return this.#changes(() => undefined);
  }

  #change({ tableId, key, after }: RowChange): void {
    if (after === undefined) this.#tables.get(tableId)?.delete(key);
    else this.#table(tableId).set(key, after);
  }

  #changes(afterOf: (row: Row | undefined) => Row | undefined): RowChange[] {
    return [...this.#tables].flatMap(([tableId, rows]) =>
      [...rows].map(([key, row]) => ({ tableId, key, before: undefined, after: afterOf(row) })),
    );
  }

  #table(tableId: number): Map<Key, Row | undefined> {
    let table = this.#tables.get(tableId);
    if (table === undefined) this.#tables.set(tableId, (table = new Map()));
    return table;
  }
}
