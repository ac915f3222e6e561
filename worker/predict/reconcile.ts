/**
 * Reconciliation: making the predicted state right again after the authority has spoken. A pure step function:
 * `next(state, event)` says what is to be done to the rows; it has no socket, clock or database, and the driver
 * (`predictor.ts`) carries its effects out in order, with pauses if it likes. A call that runs again may write other
 * keys than before, so what comes after it is decided when it has: `ran` is an event too.
 *
 * The contract: when the effects of a batch are carried out, the rows are those of a fresh replica that applied the
 * confirmed commits and then ran every pending call in order. With `mode: 'all'` that is literally what happens; the
 * default, `selective`, leaves alone the calls that nothing has touched, and a property test holds the two equal.
 *
 * A call is touched when a change hits its read or write set: a foreign commit's, a diverging own commit's, or one of
 * another call that is itself rolled back. `state` belongs to the caller of `next` and is used up by it.
 *
 * What a step costs follows the calls that are touched, not those that are pending. Where all of them are touched the
 * general rules would say nothing new of each, so they are cut short.
 */

import { assert, unreachable } from '../../core/assert.ts';
import type { Call, Outcome, Seq } from '../../core/commit/call.ts';
import type { RowChange } from '../../core/commit/row-change.ts';
import { BatchPlan, type CommitSource, rollBack, Spread } from './batch-plan.ts';
import { appliedChanges, type PendingCall, type PendingCalls, type Prediction } from './pending.ts';
import { isSameKey, type RowComparison, samePrediction } from './same-outcome.ts';

export interface ReconcileState {
  readonly pending: PendingCalls;
  readonly mode: 'selective' | 'all';
  /** Calls that wait to be run again, the next one last. */
  queue: PendingCall[];
  /** The one that is being run. */
  running: PendingCall | undefined;
  /** What a batch touches, as far as it has been found out. */
  plan: BatchPlan | undefined;
  /** From a batch to the last step that follows from it. */
  isUnderWay: boolean;
  /** Calls that have been rolled back since the batch came: the app is told of those that now do otherwise. */
  rolledBack: PendingCall[];
}

export type ReconcileEvent =
  /**
   * What the authority says. Where `PendingCalls.asksForBefore`, changes of keys that no pending call wrote carry as
   * `before` the row as it is now.
   */
  | {
      readonly type: 'batch';
      readonly lastSeq: Seq;
      readonly commits: CommitSource;
      readonly outcomes: readonly Outcome[];
    }
  /** There is time for more of what `consider` asked for. */
  | { readonly type: 'considered' }
  /** Reducers have other code now: every call runs again. */
  /** Calls whose reducers or circumstances are others now; all when not said. */
  | { readonly type: 'rerun'; readonly calls?: ReadonlySet<PendingCall> }
  /** The call of the last `run` effect has run. */
  | { readonly type: 'ran'; readonly prediction: Prediction }
  /** All effects up to `proceed` have been carried out. */
  | { readonly type: 'proceeded' }
  /** The app has made a call and seen what it does on the rows from before the batch; it runs after all others. */
  | { readonly type: 'called'; readonly call: Call; readonly prediction: Prediction };

export type ReconcileEffect =
  /** Take the changes of these runs out again, the first run first, of each the last change first. */
  | { readonly type: 'rollBack'; readonly runs: readonly (readonly RowChange[])[] }
  /** Confirmed changes, below all pending calls that are still applied. */
  | { readonly type: 'apply'; readonly changes: readonly RowChange[] }
  /** Run it on the rows as they are now, and answer with `ran`. `again`: the run before this one was of it, and doesn't count. */
  | { readonly type: 'run'; readonly pending: PendingCall; readonly again: boolean }
  /** The call is pending no longer. `asPredicted`: its commit did what was predicted, as far as this client is told. */
  | { readonly type: 'settle'; readonly pending: PendingCall; readonly outcome: Outcome; readonly asPredicted: boolean }
  /** It takes longer to see what the batch touches, and no row is another one yet: answer with `considered`. */
  | { readonly type: 'consider' }
  /** Nothing more runs again, unless a call is made before this comes: answer with `proceeded`. */
  | { readonly type: 'proceed' }
  /** It ran again and did something else than before. */
  | {
      readonly type: 'outcomeChange';
      readonly pending: PendingCall;
      readonly from: Prediction;
      readonly to: Prediction;
    }
  /** The rows are those of the contract again. */
  | { readonly type: 'done' };

export interface ReconcileStep {
  readonly state: ReconcileState;
  readonly effects: readonly ReconcileEffect[];
}

export function initialState(pending: PendingCalls, mode: ReconcileState['mode'] = 'selective'): ReconcileState {
  return { pending, mode, queue: [], running: undefined, plan: undefined, isUnderWay: false, rolledBack: [] };
}

export function next(state: ReconcileState, event: ReconcileEvent, rows: RowComparison): ReconcileStep {
  switch (event.type) {
    case 'batch':
      return onBatch(state, event, rows);
    case 'considered':
      return consider(state);
    case 'rerun':
      return onRerun(state, event.calls);
    case 'ran':
      return onRan(state, event.prediction, rows);
    case 'proceeded':
      return state.queue.length > 0 ? runNext(state, []) : finish(state);
    case 'called':
      return onCalled(state, event.call, event.prediction);
    default:
      return unreachable(event);
  }
}

function onBatch(
  state: ReconcileState,
  event: Extract<ReconcileEvent, { type: 'batch' }>,
  rows: RowComparison,
): ReconcileStep {
  assert(!state.isUnderWay, 'a batch is reconciled before the next');
  state.isUnderWay = true;
  state.plan = new BatchPlan(state, event, rows);
  return consider(state);
}

function consider(state: ReconcileState): ReconcileStep {
  assert(state.plan !== undefined, 'a batch is considered until it is clear what it touches');
  const effects = state.plan.goOn();
  if (effects === undefined) return { state, effects: [{ type: 'consider' }] };
  state.plan = undefined;
  return runNext(state, effects);
}

function onRerun(state: ReconcileState, calls: ReadonlySet<PendingCall> | undefined): ReconcileStep {
  assert(!state.isUnderWay, 'a batch is reconciled before calls run again');
  state.isUnderWay = true;
  const effects: ReconcileEffect[] = [];
  const affected = new Set(calls);
  if (calls !== undefined) new Spread(affected, [], state.pending, 0).goOn(Number.POSITIVE_INFINITY);
  state.rolledBack = calls === undefined || state.mode === 'all' ? [...state.pending] : state.pending.inOrder(affected);
  for (const call of state.rolledBack) call.before = call.prediction;
  rollBack(state.rolledBack, state.pending, effects);
  state.queue = [...state.rolledBack].reverse();
  return runNext(state, effects);
}

function onCalled(state: ReconcileState, call: Call, prediction: Prediction): ReconcileStep {
  const pending = state.pending.add(call, prediction);
  if (!state.isUnderWay) return { state, effects: [] };
  // Its changes were shown to the app and are not among the rows at hand.
  state.pending.suspend(pending);
  pending.before = prediction;
  state.rolledBack.push(pending);
  state.queue.unshift(pending);
  return { state, effects: [] };
}

function onRan(state: ReconcileState, prediction: Prediction, rows: RowComparison): ReconcileStep {
  const { pending, running, queue } = state;
  assert(running !== undefined, 'only a call that was asked for has run');
  const { before } = running;
  running.isChanged = before !== undefined && !samePrediction(before, prediction, rows);
  pending.update(running, prediction);
  // Where every later call waits as well, there is nothing that it could have disturbed.
  const isLastInPlace = state.mode === 'all' || pending.countAfter(running.callId) === queue.length;
  if (isLastInPlace) return runNext(state, []);

  const disturbed = disturbedCalls(pending, running);
  if (disturbed.size === 0) return runNext(state, []);
  const affected = new Set(disturbed);
  new Spread(affected, [], pending, running.callId).goOn(Number.POSITIVE_INFINITY);
  // It ran while calls that come after it were not out of the way: once more, without them.
  const again = [...disturbed].some((call) => isSeenBy(call, prediction)) ? [running] : [];
  const effects: ReconcileEffect[] = [];
  rollBack(again, pending, effects);
  const newly = pending.inOrder(affected);
  for (const call of newly) {
    if (call.before !== undefined) continue;
    call.before = call.prediction;
    state.rolledBack.push(call);
  }
  rollBack(newly, pending, effects);
  state.queue = pending.inOrder(new Set([...queue, ...again, ...affected])).reverse();
  return runNext(state, effects);
}

function runNext(state: ReconcileState, effects: ReconcileEffect[]): ReconcileStep {
  const first = state.queue.pop();
  if (first !== undefined) {
    effects.push({ type: 'run', pending: first, again: first === state.running });
    state.running = first;
  } else effects.push({ type: 'proceed' });
  return { state, effects };
}

function finish(state: ReconcileState): ReconcileStep {
  const effects: ReconcileEffect[] = [...outcomeChanges(state.rolledBack), { type: 'done' }];
  state.running = undefined;
  state.isUnderWay = false;
  state.rolledBack = [];
  return { state, effects };
}

function outcomeChanges(rolledBack: readonly PendingCall[]): ReconcileEffect[] {
  const changed: Extract<ReconcileEffect, { type: 'outcomeChange' }>[] = [];
  for (const pending of rolledBack) {
    const { before: from, prediction: to, isChanged } = pending;
    pending.before = undefined;
    if (isChanged && from !== undefined) changed.push({ type: 'outcomeChange', pending, from, to });
  }
  return changed.sort((a, b) => a.pending.callId - b.pending.callId);
}

/** Never added to. */
const nobody: Set<PendingCall> = new Set();

/** Calls after `running` that read or wrote what it now wrote, a failing one included, or wrote what it now read. */
function disturbedCalls(pending: PendingCalls, running: PendingCall): Set<PendingCall> {
  const { reads } = running.prediction;
  if (reads === undefined) return nobody;
  let disturbed = nobody;
  const { callId } = running;
  const add = (call: PendingCall): void => {
    if (call.callId <= callId) return;
    if (disturbed === nobody) disturbed = new Set();
    disturbed.add(call);
  };
  for (const change of appliedChanges(running)) pending.touchedBy(change, true, add);
  pending.writersIn(reads, (call) => {
    if (call.callId > callId && !disturbed.has(call) && isSeenBy(call, running.prediction)) add(call);
  });
  return disturbed;
}

/** Whether a call's changes lie where a run read or wrote. */
function isSeenBy(call: PendingCall, prediction: Prediction): boolean {
  const { reads } = prediction;
  if (reads === undefined) return false;
  return appliedChanges(call).some(
    (change) =>
      reads.sees(change) ||
      (prediction.type === 'predicted' && prediction.changes.some((own) => isSameKey(own, change))),
  );
}
