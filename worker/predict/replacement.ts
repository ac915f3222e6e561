/**
 * A snapshot as what it changes: rows of its tables that are not the confirmed ones, found a page at a time, so that no
 * number of rows makes a long step, and calls on rows that stay as they are need not run again.
 *
 * Law: applied beneath the pending calls after the own commits, the changes leave exactly the snapshot's rows as the confirmed
 * ones of its tables. Nothing is written while they are being found.
 */

import type { Seq } from '../../core/commit/call.ts';
import type { Commit } from '../../core/commit/commit.ts';
import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
import type { Engine } from '../../core/engine/engine.ts';
import type { PendingCalls } from './pending.ts';

export interface Replacement {
  readonly engine: Engine;
  readonly pending: PendingCalls;
  readonly seq: Seq;
  /** All rows of these tables. */
  readonly tables: ReadonlyMap<number, ReadonlyMap<Key, Row>>;
  /** Commits of own calls whose effects the rows contain. */
  readonly own: readonly Commit[];
}

const rowsPerStep = 250;

export function* replacing({
  engine,
  pending,
  seq,
  tables,
  own,
}: Replacement): Generator<undefined, readonly Commit[]> {
  const changes: RowChange[] = [];
  for (const [tableId, wanted] of tables) {
    const { shape } = engine.store(tableId);
    if (shape.table.event) continue;
    const table = new TableReplacement(engine, pending, tableId, wanted, changes);
    let after: Key | undefined;
    for (;;) {
      const store = engine.store(tableId);
      const page = store.page(after, rowsPerStep);
      for (const row of store.asRead(page)) table.compare(shape.keyOf(row), row);
      const last = page.at(-1);
      if (page.length < rowsPerStep || last === undefined) break;
      after = shape.keyOf(last);
      yield;
    }
    // Rows that a pending delete hides are confirmed rows too.
    let looked = 0;
    for (const { prediction } of pending) {
      if (prediction.type === 'predicted')
        for (const change of prediction.changes) if (change.tableId === tableId) table.compareUnseen(change.key);
      if (++looked % rowsPerStep === 0) yield;
    }
    for (const key of wanted.keys()) {
      table.compareUnseen(key);
      if (++looked % rowsPerStep === 0) yield;
    }
    for (const commit of own)
      for (const change of commit.changes) if (change.tableId === tableId) table.settle(change.key);
  }
  return [...own, { seq, timestampMicros: 0, ownCallId: undefined, changes }];
}

class TableReplacement {
  readonly #engine: Engine;
  readonly #pending: PendingCalls;
  readonly #tableId: number;
  readonly #wanted: ReadonlyMap<Key, Row>;
  readonly #changes: RowChange[];
  readonly #seen = new Set<Key>();
  readonly #changed = new Set<Key>();

  constructor(
    engine: Engine,
    pending: PendingCalls,
    tableId: number,
    wanted: ReadonlyMap<Key, Row>,
    changes: RowChange[],
  ) {
    this.#engine = engine;
    this.#pending = pending;
    this.#tableId = tableId;
    this.#wanted = wanted;
    this.#changes = changes;
  }

  /** The row is what this key has with all pending calls on top. */
  compare(key: Key, row: Row | undefined): void {
    this.#seen.add(key);
    const oldest = this.#pending.oldestWrite(this.#tableId, key);
    const before = oldest === undefined ? row : oldest.before;
    const after = this.#wanted.get(key);
    if (before === after) return;
    if (before !== undefined && after !== undefined && this.#engine.equal(this.#tableId, before, after)) return;
    this.#add(key, before, after);
  }

  compareUnseen(key: Key): void {
    if (!this.#seen.has(key)) this.compare(key, this.#engine.store(this.#tableId).read(key));
  }

  /** An own commit is going to set it, to a row that may be another one again since. */
  settle(key: Key): void {
    if (!this.#changed.has(key)) this.#add(key, this.#engine.store(this.#tableId).read(key), this.#wanted.get(key));
  }

  #add(key: Key, before: Row | undefined, after: Row | undefined): void {
    this.#changed.add(key);
    this.#changes.push({ tableId: this.#tableId, key, before, after });
  }
}
