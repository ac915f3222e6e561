/**
 * Rows of ephemeral tables at the authority: whose they are, and that they go with their connection.
 *
 * Law: a row belongs to the connection whose call inserted it, whoever changes it later; a row that no connection
 * inserted is nobody's. No change of such a row is ever part of a commit.
 */

import type { CallId } from '../commit/call.ts';
import type { Key, RowChange } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { ClientRecord } from './clients.ts';

/** What a call did to ephemeral rows, or with no client: the end of a connection, or a call of the database. */
export interface EphemeralChanges {
  readonly client: ClientRecord | undefined;
  readonly callId: CallId | undefined;
  readonly changes: readonly RowChange[];
}

export class EphemeralRows {
  readonly #engine: Engine;
  /** By tableId. */
  readonly #isEphemeral: readonly boolean[];
  readonly #ownerOf = new Map<number, Map<Key, bigint>>();
  readonly #keysOf = new Map<bigint, Map<number, Set<Key>>>();
  /** The module has such tables at all. */
  readonly hasTables: boolean;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#isEphemeral = engine.definition.tables.map((table) => table.ephemeral);
    this.hasTables = this.#isEphemeral.includes(true);
  }

  has(tableId: number): boolean {
    return this.#isEphemeral[tableId] === true;
  }

  /** The changes that go into the log. */
  without(changes: readonly RowChange[]): readonly RowChange[] {
    return this.hasTables ? changes.filter(({ tableId }) => !this.has(tableId)) : changes;
  }

  /** The changes among these that are of ephemeral rows, made by a call on this connection. */
  take(changes: readonly RowChange[], connectionId: bigint | undefined): readonly RowChange[] {
    const taken = changes.filter(({ tableId }) => this.has(tableId));
    for (const change of taken) this.#own(change, connectionId);
    return taken;
  }

  /** Deletes the rows of a connection that has ended. */
  end(connectionId: bigint): RowChange[] {
    const tables = this.#keysOf.get(connectionId);
    if (tables === undefined) return [];
    this.#keysOf.delete(connectionId);
    const deletions: RowChange[] = [];
    for (const [tableId, keys] of tables) {
      for (const key of keys) {
        this.#ownerOf.get(tableId)?.delete(key);
        deletions.push({ tableId, key, before: undefined, after: undefined });
      }
    }
    return this.#engine.apply(deletions);
  }

  /** Every connection has ended, and calls have been taken back. */
  reset(): void {
    this.#ownerOf.clear();
    this.#keysOf.clear();
    for (const store of this.#engine.stores) if (store.shape.table.ephemeral) store.reset();
  }

  #own({ tableId, key, before, after }: RowChange, connectionId: bigint | undefined): void {
    if (after !== undefined && (before !== undefined || connectionId === undefined)) return;
    let owners = this.#ownerOf.get(tableId);
    if (owners === undefined) this.#ownerOf.set(tableId, (owners = new Map()));
    if (after === undefined) {
      const owner = owners.get(key);
      if (owner === undefined) return;
      owners.delete(key);
      this.#keysOf.get(owner)?.get(tableId)?.delete(key);
      return;
    }
    const owner = connectionId as bigint;
    owners.set(key, owner);
    let tables = this.#keysOf.get(owner);
    if (tables === undefined) this.#keysOf.set(owner, (tables = new Map()));
    const keys = tables.get(tableId);
    if (keys === undefined) tables.set(tableId, new Set([key]));
    else keys.add(key);
  }
}
