/**
 * Who is told what of ephemeral rows, and how often.
 *
 * Laws: for each table, a session is sent the newest row of each key that changed, at most `sendsPerSecondMax` times a
 * second, and at once when nothing was sent for that long. That a row has left is told to those alone in whose scope it has
 * been since the last send, be it between two sends, where a snapshot may have caught it: its key is as secret as the row.
 * Where a row is somebody's because of other rows, it is remembered who has been sent it: what it was before can't be asked
 * any more when it is time to say that it has left. A session that is too slow misses sends, and is then sent all rows
 * there are; so what waits for it is bounded.
 */

import { ByteWriter } from '../codec/bytes.ts';
import type { CallId } from '../commit/call.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { encodeChange } from '../engine/change-codec.ts';
import type { Engine } from '../engine/engine.ts';
import type { Environment } from '../environment.ts';
import { limits } from '../limits.ts';
import type { TableDefinition } from '../module/definition.ts';
import { serverTag } from '../protocol/frame.ts';

/** What a session is sent ephemeral rows of; equal ids mean the same rows. */
export interface EphemeralScope {
  readonly key: string;
  readonly has: (tableId: number) => boolean;
  readonly holds: (tableId: number, row: Row) => boolean;
  /** Whether a row of this table is in it may follow from other rows. */
  readonly isJoined: (tableId: number) => boolean;
}

/** Keys of rows that one session has been sent, of tables of which its scope says `isJoined`. */
export class ToldRows {
  readonly #tables = new Map<number, Set<Key>>();
  /**
   * Of subscriptions that have ended, until it is told which rows there are. Their ends name the rows that they had last;
   * of one that had left just before, and was to be told with the next send, nobody would say so.
   */
  readonly ended: Set<number> = new Set();

  has(tableId: number, key: Key): boolean {
    return this.#tables.get(tableId)?.has(key) === true;
  }

  set(tableId: number, key: Key, isTold: boolean): void {
    let keys = this.#tables.get(tableId);
    if (keys === undefined) this.#tables.set(tableId, (keys = new Set()));
    if (isTold) keys.add(key);
    else keys.delete(key);
  }

  end(queries: readonly { readonly table: TableDefinition }[]): void {
    for (const { table } of queries) if (table.ephemeral) this.ended.add(table.tableId);
  }

  forget(tableId: number): void {
    this.#tables.delete(tableId);
  }
}

export interface EphemeralSession {
  /** Gives false when the session is too slow to be sent anything now. */
  readonly sendEphemeral: (bytes: EphemeralBytes) => boolean;
  /** Sends all ephemeral rows there are, or gives false as well. */
  readonly sendAllEphemeral: () => boolean;
}

/** What has become of a row since the last send. */
interface WaitingChange extends RowChange {
  /** What it was after `before` and ahead of `after`. */
  readonly between: Row[];
}

interface TableFeed {
  readonly intervalMs: number;
  readonly changed: Map<Key, WaitingChange>;
  betweenCount: number;
  sentMs: number;
}

/** Those who were too slow are looked at again after so long. */
export const behindMs = 100;

export class EphemeralFeed {
  readonly #engine: Engine;
  readonly #environment: Environment;
  readonly #sessions: Iterable<EphemeralSession>;
  readonly #tables = new Map<number, TableFeed>();
  readonly #behind = new Set<EphemeralSession>();
  #isTimerSet = false;

  constructor(engine: Engine, environment: Environment, sessions: Iterable<EphemeralSession>) {
    this.#engine = engine;
    this.#environment = environment;
    this.#sessions = sessions;
    for (const { tableId, ephemeral, sendsPerSecondMax } of engine.definition.tables) {
      if (!ephemeral) continue;
      const intervalMs = 1_000 / (sendsPerSecondMax ?? limits.ephemeralSendsPerSecondMax);
      this.#tables.set(tableId, { intervalMs, changed: new Map(), betweenCount: 0, sentMs: Number.NEGATIVE_INFINITY });
    }
  }

  /** These changes may be seen now. */
  add(changes: readonly RowChange[]): void {
    for (const change of changes) {
      const feed = this.#tables.get(change.tableId);
      if (feed === undefined) continue;
      const waiting = feed.changed.get(change.key);
      if (waiting === undefined) {
        feed.changed.set(change.key, { ...change, between: [] });
        continue;
      }
      const { before, between, after } = waiting;
      if (after !== undefined) {
        between.push(after);
        feed.betweenCount++;
      }
      feed.changed.set(change.key, { ...change, before, between });
    }
  }

  /** This row may be another's now, though it has not changed. */
  turned({ tableId, key, row }: { readonly tableId: number; readonly key: Key; readonly row: Row | undefined }): void {
    const changed = this.#tables.get(tableId)?.changed;
    if (row !== undefined && changed?.has(key) === false)
      changed.set(key, { tableId, key, before: row, after: row, between: [] });
  }

  /** Sends what may be sent now, and sees to the rest. */
  flush(): void {
    const nowMs = this.#environment.clock.monotonicMs();
    const due: WaitingChange[] = [];
    let waitMs = Number.POSITIVE_INFINITY;
    for (const feed of this.#tables.values()) {
      if (feed.changed.size === 0) continue;
      const restMs = feed.sentMs + feed.intervalMs - nowMs;
      if (restMs > 0 && feed.betweenCount < limits.ephemeralRowsBetweenSendsMax) {
        waitMs = Math.min(waitMs, restMs);
        continue;
      }
      feed.sentMs = nowMs;
      due.push(...feed.changed.values());
      clear(feed);
    }
    for (const session of this.#behind) if (session.sendAllEphemeral()) this.#behind.delete(session);
    if (due.length > 0) {
      const bytes = new EphemeralBytes(this.#engine, due);
      for (const session of this.#sessions)
        if (!this.#behind.has(session) && !session.sendEphemeral(bytes)) this.#behind.add(session);
    }
    if (this.#behind.size > 0) waitMs = Math.min(waitMs, behindMs);
    if (waitMs < Number.POSITIVE_INFINITY) this.#setTimer(waitMs);
  }

  /** All ephemeral rows are gone, and so is everyone who knew of them. */
  reset(): void {
    for (const feed of this.#tables.values()) clear(feed);
    this.#behind.clear();
  }

  /** The session has ended. */
  forget(session: EphemeralSession): void {
    this.#behind.delete(session);
  }

  #setTimer(waitMs: number): void {
    if (this.#isTimerSet) return;
    this.#isTimerSet = true;
    this.#environment.scheduler.after(Math.ceil(waitMs), () => {
      this.#isTimerSet = false;
      this.flush();
    });
  }
}

function clear(feed: TableFeed): void {
  feed.changed.clear();
  feed.betweenCount = 0;
}

/** One send, encoded once for each distinct set of queries. */
export class EphemeralBytes {
  readonly #engine: Engine;
  readonly #changes: readonly WaitingChange[];
  readonly #bySet = new Map<string, Uint8Array | undefined>();

  constructor(engine: Engine, changes: readonly WaitingChange[]) {
    this.#engine = engine;
    this.#changes = changes;
  }

  /** Whose these rows are follows from other rows. */
  isJoined(scope: EphemeralScope | undefined): boolean {
    return scope !== undefined && this.#changes.some(({ tableId }) => scope.isJoined(tableId));
  }

  message({ scope, told }: EphemeralReader): Uint8Array | undefined {
    if (scope === undefined) return undefined;
    if (this.isJoined(scope)) return ephemeralMessage(this.#engine, { scope, told }, this.#changes);
    if (!this.#bySet.has(scope.key))
      this.#bySet.set(scope.key, ephemeralMessage(this.#engine, { scope, told }, this.#changes));
    return this.#bySet.get(scope.key);
  }
}

/** What a session is sent ephemeral rows of, and has been sent. */
export interface EphemeralReader {
  readonly scope: EphemeralScope | undefined;
  readonly told: ToldRows;
}

/** Undefined when none of the changes is of the set's tables. */
export function ephemeralMessage(
  engine: Engine,
  { scope, told }: EphemeralReader,
  changes: readonly (RowChange | WaitingChange)[],
  callId?: CallId,
): Uint8Array | undefined {
  const visible =
    scope === undefined ? [] : changes.flatMap((change) => seenIn(scope, told, change, callId !== undefined) ?? []);
  return visible.length === 0 ? undefined : encoded(engine, callId, [], visible);
}

/** The change as it is for the scope: a row that is not in it, and has been, leaves it. */
function seenIn(
  scope: EphemeralScope,
  told: ToldRows,
  change: RowChange | WaitingChange,
  isOwn: boolean,
): RowChange | undefined {
  const { tableId, key, before, after } = change;
  if (!scope.has(tableId)) return undefined;
  const isHere = after !== undefined && scope.holds(tableId, after);
  if (scope.isJoined(tableId)) {
    const wasHere = told.has(tableId, key);
    // What is told of own calls may overtake what waits for its batch, so that it has left is told again.
    told.set(tableId, key, isHere || (isOwn && wasHere));
    return isHere ? change : wasHere ? { ...change, after: undefined } : undefined;
  }
  if (isHere) return change;
  const been = 'between' in change ? [before, ...change.between] : [before];
  const wasHere = been.some((row) => row !== undefined && scope.holds(tableId, row));
  return wasHere ? { ...change, after: undefined } : undefined;
}

/** All ephemeral rows of the scope, as they are in the engine; undefined when it has no such table, and has lost none. */
export function allEphemeralRows(engine: Engine, { scope, told }: EphemeralReader): Uint8Array | undefined {
  const inScope = (tableId: number): boolean => scope?.has(tableId) === true;
  const tableIds = engine.definition.tables.flatMap(({ tableId, ephemeral }) =>
    ephemeral && (inScope(tableId) || told.ended.has(tableId)) ? [tableId] : [],
  );
  told.ended.clear();
  if (tableIds.length === 0) return undefined;
  const rows = tableIds.filter(inScope).flatMap((tableId) =>
    engine
      .rows(tableId)
      .filter((row) => scope?.holds(tableId, row))
      .map((after) => ({ tableId, key: engine.shape(tableId).keyOf(after), before: undefined, after })),
  );
  for (const tableId of tableIds) told.forget(tableId);
  for (const { tableId, key } of rows) if (scope?.isJoined(tableId)) told.set(tableId, key, true);
  return encoded(engine, undefined, tableIds, rows);
}

function encoded(
  engine: Engine,
  callId: CallId | undefined,
  completeTables: readonly number[],
  changes: readonly RowChange[],
): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(serverTag.ephemeral);
  writer.varint(callId ?? 0);
  writer.varint(completeTables.length);
  for (const tableId of completeTables) writer.varint(tableId);
  writer.varint(changes.length);
  for (const change of changes) encodeChange(writer, change, engine.shape(change.tableId));
  return writer.take();
}
