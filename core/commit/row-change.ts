/**
 * A row change: what happened to one key of one table. Everything downstream of a reducer works on these: the log, the
 * wire, subscriptions, live queries, roll back.
 *
 * Law: changes of one list that follow each other on a key fit together (`after` of the one is `before` of the next),
 * so a list can be inverted by walking it backwards and swapping before and after.
 */

import type { Key } from '../codec/key.ts';

/** A row is a plain object; the engine's copies are never handed out, so nobody else can change them. */
export type Row = Readonly<Record<string, unknown>>;

/** A primary key as a Map key: equal values are equal keys. For a table without one, the row's own bytes. */
export type { Key } from '../codec/key.ts';

export interface RowChange {
  readonly tableId: number;
  readonly key: Key;
  /** Absent: the row was inserted. */
  readonly before: Row | undefined;
  /** Absent: the row was deleted. There is no tombstone; resume reads the log. */
  readonly after: Row | undefined;
}

export function invert(changes: readonly RowChange[]): RowChange[] {
  const inverted: RowChange[] = [];
  for (let i = changes.length - 1; i >= 0; i--) {
    const change = changes[i] as RowChange;
    inverted.push({ tableId: change.tableId, key: change.key, before: change.after, after: change.before });
  }
  return inverted;
}

/**
 * Collects changes and yields their net: one per key, from the first `before` to the last `after`, in order of first
 * touch. A key that came back to an equal row is left out, so nothing downstream sees a row that did not change.
 */
export class NetChanges {
  readonly #tables = new Map<number, Map<Key, { before: Row | undefined; after: Row | undefined }>>();

  add(change: RowChange): void {
    let keys = this.#tables.get(change.tableId);
    if (keys === undefined) this.#tables.set(change.tableId, (keys = new Map()));
    const known = keys.get(change.key);
    if (known === undefined) keys.set(change.key, { before: change.before, after: change.after });
    else known.after = change.after;
  }

  addAll(changes: readonly RowChange[]): void {
    for (const change of changes) this.add(change);
  }

  /** Empties the collection. `equal(tableId, a, b)` compares two rows of a table. */
  take(equal: (tableId: number, a: Row, b: Row) => boolean): RowChange[] {
    const net: RowChange[] = [];
    for (const [tableId, keys] of this.#tables) {
      for (const [key, { before, after }] of keys) {
        if (before === after) continue;
        if (before !== undefined && after !== undefined && equal(tableId, before, after)) continue;
        net.push({ tableId, key, before, after });
      }
    }
    this.#tables.clear();
    return net;
  }
}
