/** A batch of net changes that the engine has applied, as what looks at rows before and after it needs it. */

import type { Key, RowChange } from '../commit/row-change.ts';

/** How the rows were before a batch of net changes, beside how they are now. */
export class Batch {
  readonly #before = new Map<number, Map<Key, RowChange>>();

  constructor(changes: readonly RowChange[]) {
    for (const change of changes) {
      const known = this.#before.get(change.tableId);
      if (known === undefined) this.#before.set(change.tableId, new Map([[change.key, change]]));
      else known.set(change.key, change);
    }
  }

  changesOf(tableId: number): Iterable<RowChange> {
    return this.#before.get(tableId)?.values() ?? [];
  }

  changeOf(tableId: number, key: Key): RowChange | undefined {
    return this.#before.get(tableId)?.get(key);
  }
}

/** `now`, or as it was before a batch. */
export type State = 'now' | Batch;
