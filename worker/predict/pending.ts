/**
 * The calls that the authority has not answered yet, in the order they were made, with what each did here.
 *
 * Law: roll back the changes of all `applied` calls, newest run first, and the engine holds exactly the confirmed rows
 * at `seq`; it now holds the predicted state.
 */

import type { Call, CallId, Rejection } from '../../core/commit/call.ts';
import type { Key, RowChange } from '../../core/commit/row-change.ts';
import type { ReadSet } from '../../core/engine/read-set.ts';
import { SetIndex } from './set-index.ts';

/** What a pending call did when it last ran here. */
export type Prediction =
  | { readonly type: 'predicted'; readonly changes: readonly RowChange[]; readonly reads: ReadSet }
  /** It threw; the authority decides all the same. */
  | { readonly type: 'failing'; readonly rejection: Rejection; readonly reads: ReadSet }
  /** Left to the authority. With `reads` it ran until it needed rows that aren't here, and may need none on other rows. */
  | { readonly type: 'unpredicted'; readonly reason: string; readonly reads: ReadSet | undefined };

export interface PendingCall {
  readonly call: Call;
  prediction: Prediction;
  /** Its changes are in the engine. */
  applied: boolean;
  /** It has been rolled back and waits to be run again: what it did says nothing any more. */
  suspended: boolean;
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

  add(pending: PendingCall): void {
    this.#calls.push(pending);
    this.#byId.set(pending.call.callId, pending);
    this.#index.add(pending.call.callId, pending.prediction);
  }

  /** It is to be run again: nothing touches it until it has. */
  suspend(pending: PendingCall): void {
    if (!pending.suspended) this.#index.remove(pending.call.callId, pending.prediction);
    pending.suspended = true;
    pending.applied = false;
  }

  /** It ran again. */
  update(pending: PendingCall, prediction: Prediction): void {
    this.suspend(pending);
    pending.prediction = prediction;
    pending.applied = prediction.type === 'predicted';
    pending.suspended = false;
    this.#index.add(pending.call.callId, prediction);
  }

  /** Those that come after this one, in order. */
  after(callId: CallId): PendingCall[] {
    return this.#calls.slice(this.#calls.length - this.countAfter(callId));
  }

  /** How many calls come after this one. */
  countAfter(callId: CallId): number {
    let low = 0;
    let high = this.#calls.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#calls[middle]?.call.callId ?? 0) <= callId) low = middle + 1;
      else high = middle;
    }
    return this.#calls.length - low;
  }

  remove(callId: CallId): PendingCall | undefined {
    const pending = this.#byId.get(callId);
    if (pending === undefined) return undefined;
    // Calls settle in order, so it is almost always the first.
    const at = this.#calls[0] === pending ? 0 : this.#calls.indexOf(pending);
    if (at === 0) this.#calls.shift();
    else this.#calls.splice(at, 1);
    this.#byId.delete(callId);
    this.suspend(pending);
    return pending;
  }

  /** Calls in place whose read or write set a change touches; without `byKey`, only by their ranges and scans. */
  touchedBy(change: RowChange, byKey: boolean): Iterable<CallId> {
    return this.#index.touchedBy(change, byKey);
  }

  /** Calls that wrote to where these reads looked: a superset, found without looking at other calls. */
  writersIn(reads: ReadSet): Iterable<CallId> {
    return this.#index.writersIn(reads);
  }

  /** The change of the first applied call that wrote this key: its `before` is the confirmed row. */
  oldestWrite(tableId: number, key: Key): RowChange | undefined {
    let oldest: CallId | undefined;
    for (const callId of this.#index.writersOf(tableId, key)) {
      const call = this.#byId.get(callId);
      if ((oldest === undefined || callId < oldest) && call !== undefined && changeOf(call, tableId, key) !== undefined)
        oldest = callId;
    }
    const call = oldest === undefined ? undefined : this.#byId.get(oldest);
    return call === undefined ? undefined : changeOf(call, tableId, key);
  }
}

function changeOf(call: PendingCall, tableId: number, key: Key): RowChange | undefined {
  return appliedChanges(call).find((change) => change.tableId === tableId && change.key === key);
}

/** Changes of a call that are in the engine. */
export function appliedChanges({ prediction, applied }: PendingCall): readonly RowChange[] {
  return applied && prediction.type === 'predicted' ? prediction.changes : [];
}
