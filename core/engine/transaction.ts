/**
 * One run of a reducer over the stores: it records what was written (with before-images) and, when asked to, what was
 * read, and can take itself back exactly.
 *
 * Law: until `commit` or `rollBack`, writing the `before` of every change in reverse order gives the stores as they
 * were. There is one change per key, from its first before to its last after.
 */

import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { ReadSet } from './read-set.ts';
import type { TableStore } from './table-store.ts';

interface OpenChange {
  readonly tableId: number;
  readonly key: Key;
  readonly before: Row | undefined;
  after: Row | undefined;
}

/** A handful of changes is found faster by looking at each than by hashing. */
const linearSearchMax = 12;

/** Thrown by table access when a prediction can't be made here. A reducer that catches it is unpredictable all the same. */
export class Unpredictable extends Error {
  override readonly name = 'Unpredictable';
}

export class Transaction {
  /** Undefined when nobody asked what is read: the authority doesn't replay. */
  readonly reads: ReadSet | undefined;
  /** Set once the run has touched what this replica can't know. */
  unpredictable: Unpredictable | undefined;
  /** Set once the run has gone beyond a limit. */
  refusal: unknown;
  readonly #stores: readonly TableStore[];
  readonly #changes: OpenChange[] = [];
  #byKey: Map<number, Map<Key, OpenChange>> | undefined;

  constructor(stores: readonly TableStore[], recordReads: boolean) {
    this.#stores = stores;
    this.reads = recordReads ? new ReadSet() : undefined;
  }

  /** Number of keys written so far. */
  get size(): number {
    return this.#changes.length;
  }

  write(store: TableStore, key: Key, row: Row | undefined): Row | undefined {
    const before = store.write(key, row);
    const tableId = store.shape.table.tableId;
    const known = this.#find(tableId, key);
    if (known !== undefined) known.after = row;
    else this.#add({ tableId, key, before, after: row });
    return before;
  }

  /** An event row: recorded as inserted, kept nowhere. */
  emit(tableId: number, key: Key, row: Row): void {
    this.#add({ tableId, key, before: undefined, after: row });
  }

  /** Event rows of this table so far. */
  emitted(tableId: number): Row[] {
    return this.#changes.flatMap((change) => (change.tableId === tableId && change.after ? [change.after] : []));
  }

  wrote(tableId: number, key: Key): boolean {
    return this.#find(tableId, key) !== undefined;
  }

  /** The write set: keys whose row is another one now, in order of first write. */
  commit(): RowChange[] {
    const changes = this.#changes;
    let kept = 0;
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i] as OpenChange;
      if (this.#isNoChange(change)) continue;
      changes[kept++] = change;
    }
    // Setting a length is slow, also to what it is.
    if (kept < changes.length) changes.length = kept;
    return changes;
  }

  rollBack(): void {
    for (let i = this.#changes.length - 1; i >= 0; i--) {
      const { tableId, key, before } = this.#changes[i] as OpenChange;
      const store = this.#stores[tableId] as TableStore;
      if (!store.shape.table.event) store.write(key, before);
    }
    this.#changes.length = 0;
    this.#byKey = undefined;
  }

  #isNoChange({ tableId, before, after }: OpenChange): boolean {
    if (before === after) return true;
    return (
      before !== undefined && after !== undefined && (this.#stores[tableId] as TableStore).shape.equals(before, after)
    );
  }

  #find(tableId: number, key: Key): OpenChange | undefined {
    const changes = this.#changes;
    if (this.#byKey === undefined) {
      for (let i = changes.length - 1; i >= 0; i--) {
        const change = changes[i] as OpenChange;
        if (change.key === key && change.tableId === tableId) return change;
      }
      return undefined;
    }
    return this.#byKey.get(tableId)?.get(key);
  }

  #add(change: OpenChange): void {
    this.#changes.push(change);
    if (this.#byKey !== undefined) this.#index(change);
    else if (this.#changes.length > linearSearchMax) {
      this.#byKey = new Map();
      for (const known of this.#changes) this.#index(known);
    }
  }

  #index(change: OpenChange): void {
    const byKey = this.#byKey;
    if (byKey === undefined) return;
    const keys = byKey.get(change.tableId);
    if (keys === undefined) byKey.set(change.tableId, new Map([[change.key, change]]));
    else keys.set(change.key, change);
  }
}
