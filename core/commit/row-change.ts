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
  #entries: NetChange[] = [];
  #byKey: Map<number, Map<Key, NetChange>> | undefined;

  add({ tableId, key, before, after }: RowChange): void {
    this.#note(tableId, key, before, after);
  }

  addAll(changes: readonly RowChange[]): void {
    for (const change of changes) this.add(change);
  }

  /** The changes have been taken back, the last one first. */
  addTakenBack(changes: readonly RowChange[]): void {
    for (let i = changes.length - 1; i >= 0; i--) {
      const { tableId, key, before, after } = changes[i] as RowChange;
      this.#note(tableId, key, after, before);
    }
  }

  /** How many keys there are, changed or not. */
  get size(): number {
    return this.#entries.length;
  }

  /** Each key once, whether or not it has changed. */
  [Symbol.iterator](): Iterator<RowChange> {
    return this.#entries.values();
  }

  /** This change has been made to what the net starts from, and not to what it leads to. */
  addBelow({ tableId, key, before, after }: RowChange): void {
    const known = this.#find(tableId, key);
    if (known === undefined) this.#note(tableId, key, after, before);
    else known.before = after;
  }

  /** Empties the collection. `equal(tableId, a, b)` compares two rows of a table. */
  take(equal: (tableId: number, a: Row, b: Row) => boolean): RowChange[] {
    const net = this.#entries.filter(
      ({ tableId, before, after }) =>
        before !== after && !(before !== undefined && after !== undefined && equal(tableId, before, after)),
    );
    this.#entries = [];
    this.#byKey = undefined;
    return net;
  }

  #note(tableId: number, key: Key, before: Row | undefined, after: Row | undefined): void {
    const known = this.#find(tableId, key);
    if (known !== undefined) {
      known.after = after;
      return;
    }
    const entry = { tableId, key, before, after };
    this.#entries.push(entry);
    if (this.#byKey !== undefined) this.#index(entry);
    else if (this.#entries.length > linearSearchMax) {
      this.#byKey = new Map();
      for (const each of this.#entries) this.#index(each);
    }
  }

  #find(tableId: number, key: Key): NetChange | undefined {
    if (this.#byKey !== undefined) return this.#byKey.get(tableId)?.get(key);
    for (const entry of this.#entries) if (entry.key === key && entry.tableId === tableId) return entry;
    return undefined;
  }

  #index(entry: NetChange): void {
    const keys = this.#byKey?.get(entry.tableId);
    if (keys === undefined) this.#byKey?.set(entry.tableId, new Map([[entry.key, entry]]));
    else keys.set(entry.key, entry);
  }
}

interface NetChange {
  readonly tableId: number;
  readonly key: Key;
  before: Row | undefined;
  after: Row | undefined;
}

/** A handful of keys is found faster by looking at each than by hashing. */
const linearSearchMax = 12;
