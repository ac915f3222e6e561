/**
 * What has changed for the app since it was last told: rows as their net, events one by one.
 *
 * Law: an event happens once for each time that a call emits it, equal or not to another one. It can't be taken back once
 * the app has been told, so a call that is rolled back and emits it again adds none; and an app sees inserts of events,
 * never anything else.
 */

import { type Key, NetChanges, type Row, type RowChange } from '../../core/commit/row-change.ts';
import type { Engine } from '../../core/engine/engine.ts';

/** How often an event has happened more than the app knows. */
interface EventCount {
  readonly tableId: number;
  readonly key: Key;
  readonly row: Row;
  count: number;
}

export class AppChanges {
  readonly #isEvent: readonly boolean[];
  readonly #hasEvents: boolean;
  readonly #equal: (tableId: number, a: Row, b: Row) => boolean;
  readonly #net = new NetChanges();
  #events = new Map<number, Map<Key, EventCount>>();

  constructor(engine: Engine) {
    this.#isEvent = engine.definition.tables.map((table) => table.event);
    this.#hasEvents = this.#isEvent.includes(true);
    this.#equal = (tableId, a, b) => engine.equal(tableId, a, b);
  }

  addAll(changes: readonly RowChange[]): void {
    for (const change of changes) {
      if (this.#isEvent[change.tableId] === true) this.#count(change, 1);
      else this.#net.add(change);
    }
  }

  /** The changes have been taken back, the last one first. */
  addTakenBack(changes: readonly RowChange[]): void {
    if (!this.#hasEvents) return this.#net.addTakenBack(changes);
    this.#net.addTakenBack(changes.filter((change) => !this.#isEvent[change.tableId]));
    for (const change of changes) if (this.#isEvent[change.tableId] === true) this.#count(change, -1);
  }

  /** The app knows of this change already. */
  addBelow(change: RowChange): void {
    if (this.#isEvent[change.tableId] !== true) this.#net.addBelow(change);
  }

  /** How many keys there are, changed or not. */
  get size(): number {
    return this.#net.size;
  }

  /** Rows that have changed, each key once. */
  [Symbol.iterator](): Iterator<RowChange> {
    return this.#net[Symbol.iterator]();
  }

  /** Empties the collection. */
  take(): RowChange[] {
    const changes = this.#net.take(this.#equal);
    if (this.#events.size === 0) return changes;
    for (const counts of this.#events.values()) {
      for (const { tableId, key, row, count } of counts.values())
        for (let i = 0; i < count; i++) changes.push({ tableId, key, before: undefined, after: row });
    }
    this.#events = new Map();
    return changes;
  }

  #count({ tableId, key, after }: RowChange, by: number): void {
    if (after === undefined) return;
    let counts = this.#events.get(tableId);
    if (counts === undefined) this.#events.set(tableId, (counts = new Map()));
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { tableId, key, row: after, count: by });
    else known.count += by;
  }
}
