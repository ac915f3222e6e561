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

  /** It ran again. */
  update(pending: PendingCall, prediction: Prediction): void {
    this.#index.remove(pending.call.callId, pending.prediction);
    pending.prediction = prediction;
    pending.applied = prediction.type === 'predicted';
    this.#index.add(pending.call.callId, prediction);
  }

  remove(callId: CallId): PendingCall | undefined {
    const pending = this.#byId.get(callId);
    if (pending === undefined) return undefined;
    // Calls settle in order, so it is almost always the first.
    const at = this.#calls[0] === pending ? 0 : this.#calls.indexOf(pending);
    if (at === 0) this.#calls.shift();
    else this.#calls.splice(at, 1);
    this.#byId.delete(callId);
    this.#index.remove(callId, pending.prediction);
    return pending;
  }

  /** Calls whose read or write set a change touches. */
  touchedBy(change: RowChange): Iterable<CallId> {
    return this.#index.touchedBy(change);
  }

  /** Calls that wrote to where these reads looked: a superset, found without looking at other calls. */
  writersIn(reads: ReadSet): Iterable<CallId> {
    return this.#index.writersIn(reads);
  }

  /** The change of the first applied call that wrote this key: its `before` is the confirmed row. */
  oldestWrite(tableId: number, key: Key): RowChange | undefined {
    let oldest: CallId | undefined;
    for (const callId of this.#index.touching(tableId, key)) {
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
