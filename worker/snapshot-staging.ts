/**
 * Rows of a snapshot on their way in: collected chunk by chunk, with the batches that arrive in between, until the
 * authority says that the subscription is applied. The replica changes once, then.
 *
 * Law: until then nothing of it counts. When the connection is lost before, the replica is what it was, at the position
 * it was, and the calls whose outcomes had come are still pending: the authority answers them again.
 */

import type { CallId, Outcome } from '../core/commit/call.ts';
import type { Commit } from '../core/commit/commit.ts';
import type { Key, Row } from '../core/commit/row-change.ts';
import type { RowShape } from '../core/engine/row-shape.ts';
import type { BatchMessage, SnapshotMessage } from '../core/protocol/messages.ts';

export class SnapshotStaging {
  readonly subscriptionId: number;
  readonly #shapeOf: (tableId: number) => RowShape;
  readonly #tables = new Map<number, Map<Key, Row>>();
  readonly #ownCommits: Commit[] = [];
  /** By call: the authority may answer one twice. */
  readonly #outcomes = new Map<CallId, Outcome>();
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

  /** Commits of own calls, whose changes are in `tables`. */
  get ownCommits(): readonly Commit[] {
    return this.#ownCommits;
  }

  get outcomes(): Outcome[] {
    return [...this.#outcomes.values()];
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

  /** These are all rows of their tables. */
  replace(tables: ReadonlyMap<number, ReadonlyMap<Key, Row>>): void {
    for (const [tableId, rows] of tables) if (this.#tables.has(tableId)) this.#tables.set(tableId, new Map(rows));
  }

  /** A batch is about rows that are collected here, and about calls whose effects they contain. */
  absorb({ commits, outcomes }: BatchMessage): void {
    for (const outcome of outcomes) this.#outcomes.set(outcome.callId, outcome);
    for (const commit of commits) {
      if (commit.ownCallId !== undefined) this.#ownCommits.push(commit);
      for (const { tableId, key, after } of commit.changes) {
        if (after === undefined) this.#tables.get(tableId)?.delete(key);
        else this.#tables.get(tableId)?.set(key, after);
      }
    }
  }
}
