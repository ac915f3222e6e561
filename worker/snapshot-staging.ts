/**
 * Rows of a snapshot on their way in: collected chunk by chunk, with the commits that arrive in between, until the
 * authority says that the subscription is applied. The replica changes once, then.
 */

import type { Commit } from '../core/commit/commit.ts';
import type { Key, Row } from '../core/commit/row-change.ts';
import type { RowShape } from '../core/engine/row-shape.ts';
import type { SnapshotMessage } from '../core/protocol/messages.ts';

export class SnapshotStaging {
  readonly subscriptionId: number;
  readonly #shapeOf: (tableId: number) => RowShape;
  readonly #tables = new Map<number, Map<Key, Row>>();
  #expected = 0;
  #received = 0;

  constructor(subscriptionId: number, tableIds: Iterable<number>, shapeOf: (tableId: number) => RowShape) {
    this.subscriptionId = subscriptionId;
    this.#shapeOf = shapeOf;
    for (const tableId of tableIds) this.#tables.set(tableId, new Map());
  }

  get tables(): ReadonlyMap<number, ReadonlyMap<Key, Row>> {
    return this.#tables;
  }

  /** From 0 to 1, as far as the tables that have begun to arrive tell. */
  get progress(): number {
    return this.#expected === 0 ? 0 : Math.min(1, this.#received / this.#expected);
  }

  add({ tableId, rows, totalRows }: SnapshotMessage): void {
    const table = this.#tables.get(tableId);
    if (table === undefined) return;
    if (table.size === 0) this.#expected += totalRows;
    this.#received += rows.length;
    const { keyOf } = this.#shapeOf(tableId);
    for (const row of rows) table.set(keyOf(row), row);
  }

  /** Takes the changes of the staged tables out of the commits; gives the commits with what is left. */
  absorb(commits: readonly Commit[]): Commit[] {
    return commits.map((commit) => ({
      ...commit,
      changes: commit.changes.filter(({ tableId, key, after }) => {
        const table = this.#tables.get(tableId);
        if (table === undefined) return true;
        if (after === undefined) table.delete(key);
        else table.set(key, after);
        return false;
      }),
    }));
  }
}
