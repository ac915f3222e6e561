/**
 * The rows of a table that are at hand without SQLite, by key; with a mark on those that SQLite doesn't have yet.
 *
 * Law: a key is unknown, known to be absent, or known with its row; only known keys are dirty. Two implementations with
 * one behaviour: rows as objects (`ObjectCache`), and rows of fixed size under small integer keys as bytes (`PageCache`).
 */

import type { Key, Row } from '../commit/row-change.ts';

export interface RowCache {
  /** Known keys. */
  readonly size: number;
  /** Null: known to be absent. Undefined: unknown. The row may be the cache's own: not to be changed or handed out. */
  get(key: Key): Row | null | undefined;
  /** The same, as an object that is the caller's. */
  getCopy(key: Key): Row | null | undefined;
  /** Sets the row, or with undefined its absence, and marks it dirty; true when it was not dirty before. */
  put(key: Key, row: Row | undefined): boolean;
  /** Remembers what SQLite has. */
  fill(key: Key, row: Row | undefined): void;
  /** Takes the mark off a dirty key and gives its row; a key known to be absent is forgotten. */
  clean(key: Key): Row | undefined;
  /** Forgets about `count` keys that are not dirty, the longest known first. */
  forget(count: number): void;
  clear(): void;
}

interface Entry {
  /** Undefined: known to be absent. */
  row: Row | undefined;
  dirty: boolean;
}

export class ObjectCache implements RowCache {
  readonly #entries = new Map<Key, Entry>();
  readonly #copy: (row: Row) => Row;

  constructor(copy: (row: Row) => Row) {
    this.#copy = copy;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Row | null | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined ? undefined : (entry.row ?? null);
  }

  getCopy(key: Key): Row | null | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    return entry.row === undefined ? null : this.#copy(entry.row);
  }

  put(key: Key, row: Row | undefined): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { row, dirty: true });
      return true;
    }
    entry.row = row;
    if (entry.dirty) return false;
    entry.dirty = true;
    return true;
  }

  fill(key: Key, row: Row | undefined): void {
    this.#entries.set(key, { row, dirty: false });
  }

  clean(key: Key): Row | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.dirty = false;
    if (entry.row === undefined) this.#entries.delete(key);
    return entry.row;
  }

  forget(count: number): void {
    let left = count;
    // A Map keeps the order of insertion.
    for (const [key, entry] of this.#entries) {
      if (left <= 0) return;
      if (entry.dirty) continue;
      this.#entries.delete(key);
      left--;
    }
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Hands the entries of these keys over, and forgets them. */
  moveOut(isWanted: (key: Key) => boolean, take: (key: Key, row: Row | undefined, isDirty: boolean) => void): void {
    for (const [key, { row, dirty }] of this.#entries) {
      if (!isWanted(key)) continue;
      this.#entries.delete(key);
      take(key, row, dirty);
    }
  }
}
