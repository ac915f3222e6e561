/**
 * The calls that the authority has not answered yet, in the order they were made, with what each did here.
 *
 * Law: roll back the changes of all `applied` calls, newest run first, and the engine holds exactly the confirmed rows
 * at `seq`; it now holds the predicted state.
 */

import type { Call, CallId, Rejection } from '../../core/commit/call.ts';
import type { Key, RowChange } from '../../core/commit/row-change.ts';
import type { ReadSet } from '../../core/engine/read-set.ts';
import { SetIndex, sameSets } from './set-index.ts';

/** What a pending call did when it last ran here. */
export type Prediction =
  | { readonly type: 'predicted'; readonly changes: readonly RowChange[]; readonly reads: ReadSet }
  /** It threw; the authority decides all the same. */
  | { readonly type: 'failing'; readonly rejection: Rejection; readonly reads: ReadSet }
  /** Left to the authority. With `reads` it ran until it needed rows that aren't here, and may need none on other rows. */
  | { readonly type: 'unpredicted'; readonly reason: string; readonly reads: ReadSet | undefined };

export interface PendingCall {
  readonly call: Call;
  /** The call's, which is asked for so often that it is here as well. */
  readonly callId: CallId;
  prediction: Prediction;
  /** Its changes are in the engine. */
  applied: boolean;
  /** It has been rolled back and waits to be run again: what it did says nothing any more. */
  suspended: boolean;
  /** What it did before the reconciliation at hand rolled it back. */
  before: Prediction | undefined;
  /** Its last run did something else than `before`. */
  isChanged: boolean;
  /** How often it has been run again. */
  replays: number;
  /** Whose sets stand in the index: of its last run, or of an earlier one with the same sets. */
  indexed: Prediction;
}

export class PendingCalls {
  /** Ascending by callId. */
  readonly #calls: PendingCall[] = [];
  readonly #byId = new Map<CallId, PendingCall>();
  readonly #index = new SetIndex();

  get size(): number {
    return this.#calls.length;
  }

  [Symbol.iterator](): IterableIterator<PendingCall> {
    return this.#calls.values();
  }

  get(callId: CallId): PendingCall | undefined {
    return this.#byId.get(callId);
  }

  /** A new call, after all others. */
  add(call: Call, prediction: Prediction): PendingCall {
    const pending: PendingCall = {
      call,
      callId: call.callId,
      prediction,
      applied: prediction.type === 'predicted',
      suspended: false,
      before: undefined,
      isChanged: false,
      replays: 0,
      indexed: prediction,
    };
    this.#calls.push(pending);
    this.#byId.set(call.callId, pending);
    this.#index.add(pending);
    return pending;
  }

  /** It is to be run again: nothing touches it until it has. */
  suspend(pending: PendingCall): void {
    pending.suspended = true;
    pending.applied = false;
  }

  /** It ran again. Most calls look and write where they did before, and then the index is right as it is. */
  update(pending: PendingCall, prediction: Prediction): void {
    const { indexed } = pending;
    pending.prediction = prediction;
    pending.applied = prediction.type === 'predicted';
    pending.suspended = false;
    if (sameSets(indexed, prediction)) {
      // Of two equal sets the old one is kept: what lives long is not made anew in each replay.
      if (prediction.type === 'predicted')
        pending.prediction = { type: 'predicted', changes: prediction.changes, reads: indexed.reads as ReadSet };
      return;
    }
    this.#index.remove(pending);
    pending.indexed = prediction;
    this.#index.add(pending);
  }

  /** The calls after this one, in order. */
  *after(callId: CallId): Generator<PendingCall> {
    const first = this.#calls.length - this.countAfter(callId);
    for (let i = first; i < this.#calls.length; i++) yield this.#calls[i] as PendingCall;
  }

  /** How many calls come after this one. */
  countAfter(callId: CallId): number {
    let low = 0;
    let high = this.#calls.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#calls[middle] as PendingCall).callId <= callId) low = middle + 1;
      else high = middle;
    }
    return this.#calls.length - low;
  }

  remove(pending: PendingCall): void {
    // Calls settle in order, so it is almost always the first.
    const at = this.#calls[0] === pending ? 0 : this.#calls.indexOf(pending);
    if (at === 0) this.#calls.shift();
    else this.#calls.splice(at, 1);
    this.#byId.delete(pending.callId);
    this.#index.remove(pending);
    this.suspend(pending);
  }

  /** These of them in the order in which they were made. */
  inOrder(calls: ReadonlySet<PendingCall>): PendingCall[] {
    if (calls.size <= 1) return [...calls];
    if (calls.size * 8 > this.#calls.length) return this.#calls.filter((call) => calls.has(call));
    return [...calls].sort((a, b) => a.callId - b.callId);
  }

  /** Calls in place whose read or write set a change touches; without `byKey`, only by their ranges and scans. */
  touchedBy(change: RowChange, byKey: boolean, visit: (call: PendingCall) => void): void {
    this.#index.touchedBy(change, byKey, visit);
  }

  /** Whether a change of this table must say what the row was, to find the calls that it touches. */
  asksForBefore(tableId: number): boolean {
    return this.#index.asksForBefore(tableId);
  }

  /** Calls that wrote to where these reads looked: a superset, found without looking at other calls. */
  writersIn(reads: ReadSet, visit: (call: PendingCall) => void): void {
    this.#index.writersIn(reads, visit);
  }

  /** The change of the first applied call that wrote this key: its `before` is the confirmed row. */
  oldestWrite(tableId: number, key: Key): RowChange | undefined {
    const oldest = this.#index.oldestWriter(tableId, key);
    return oldest && changeOf(appliedChanges(oldest), tableId, key);
  }
}

/** More changes of one call than this are found by their keys. */
const linearSearchMax = 16;
const byKey = new WeakMap<readonly RowChange[], Map<number, Map<Key, RowChange>>>();

function changeOf(changes: readonly RowChange[], tableId: number, key: Key): RowChange | undefined {
  if (changes.length <= linearSearchMax)
    return changes.find((change) => change.tableId === tableId && change.key === key);
  let tables = byKey.get(changes);
  if (tables === undefined) {
    tables = new Map();
    for (const change of changes) {
      const keys = tables.get(change.tableId);
      if (keys === undefined) tables.set(change.tableId, new Map([[change.key, change]]));
      else keys.set(change.key, change);
    }
    byKey.set(changes, tables);
  }
  return tables.get(tableId)?.get(key);
}

/** Changes of a call that are in the engine. */
export function appliedChanges({ prediction, applied }: PendingCall): readonly RowChange[] {
  return applied && prediction.type === 'predicted' ? prediction.changes : [];
}
