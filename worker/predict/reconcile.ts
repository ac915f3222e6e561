/**
 * Reconciliation: making the predicted state right again after the authority has spoken. A pure step function:
 * `next(state, event)` says what is to be done to the rows; it has no socket, clock or database, and the driver
 * (`replay.ts`) carries its effects out in order. A call that runs again may write other keys than before, so what
 * comes after it is decided when it has: `ran` is an event too.
 *
 * The contract: when the effects of a batch are carried out, the rows are those of a fresh replica that applied the
 * confirmed commits and then ran every pending call in order. With `mode: 'all'` that is literally what happens; the
 * default, `selective`, leaves alone the calls that nothing has touched, and a property test holds the two equal.
 *
 * A call is touched when a change hits its read or write set: a foreign commit's, a diverging own commit's, or one of
 * another call that is itself rolled back. `state` belongs to the caller of `next` and is used up by it.
 */

import { assert } from '../../core/assert.ts';
import type { CallId, Outcome, Seq } from '../../core/commit/call.ts';
import type { Commit } from '../../core/commit/commit.ts';
import type { Key, RowChange } from '../../core/commit/row-change.ts';
import { appliedChanges, type PendingCall, type PendingCalls, type Prediction } from './pending.ts';

export interface ReconcileState {
  readonly pending: PendingCalls;
  readonly mode: 'selective' | 'all';
  /** Calls that wait to be run again, the next one last. */
  readonly queue: PendingCall[];
  /** The one that is being run. */
  readonly running: PendingCall | undefined;
  /** What each call that has been rolled back did before this batch, to tell the app of those that now do otherwise. */
  readonly before: Map<PendingCall, Prediction>;
}

export type ReconcileEvent =
  /** What the authority says. Changes of keys that no pending call wrote carry as `before` the row as it is now. */
  | {
      readonly type: 'batch';
      readonly lastSeq: Seq;
      readonly commits: readonly Commit[];
      readonly outcomes: readonly Outcome[];
    }
  /** The call of the last `run` effect has run. */
  | { readonly type: 'ran'; readonly prediction: Prediction };

export type ReconcileEffect =
  /** Take these changes out again, the last one first. */
  | { readonly type: 'rollBack'; readonly changes: readonly RowChange[] }
  /** Confirmed changes, below all pending calls that are still applied. */
  | { readonly type: 'apply'; readonly changes: readonly RowChange[] }
  /** Run it on the rows as they are now, and answer with `ran`. `again`: the run before this one was of it, and doesn't count. */
  | { readonly type: 'run'; readonly pending: PendingCall; readonly again: boolean }
  /** The call is pending no longer. `asPredicted`: its commit did what was predicted, and nothing was touched. */
  | { readonly type: 'settle'; readonly pending: PendingCall; readonly outcome: Outcome; readonly asPredicted: boolean }
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

/** What it must know of rows. */
export interface RowComparison {
  readonly equal: (tableId: number, a: RowChange['after'], b: RowChange['after']) => boolean;
}

export function initialState(pending: PendingCalls, mode: ReconcileState['mode'] = 'selective'): ReconcileState {
  return { pending, mode, queue: [], running: undefined, before: new Map() };
}

export function next(state: ReconcileState, event: ReconcileEvent, rows: RowComparison): ReconcileStep {
  return event.type === 'batch' ? onBatch(state, event, rows) : onRan(state, event.prediction, rows);
}

function onBatch(
  state: ReconcileState,
  event: Extract<ReconcileEvent, { type: 'batch' }>,
  rows: RowComparison,
): ReconcileStep {
  assert(state.running === undefined && state.queue.length === 0, 'a batch is reconciled before the next');
  const { pending } = state;
  const own = new Map<CallId, Commit>();
  for (const commit of event.commits)
    if (commit.ownCallId !== undefined && pending.get(commit.ownCallId) !== undefined)
      own.set(commit.ownCallId, commit);

  const settled = event.outcomes.flatMap((outcome) => {
    const call = pending.get(outcome.callId);
    return call === undefined
      ? []
      : [{ call, outcome, asPredicted: isAsPredicted(call, outcome, own.get(outcome.callId), rows) }];
  });
  const asPredicted = new Set(settled.filter((each) => each.asPredicted).map(({ call }) => call.call.callId));
  const surprises = event.commits.filter(({ ownCallId }) => ownCallId === undefined || !asPredicted.has(ownCallId));

  const affected = new Set<PendingCall>();
  for (const { call, asPredicted: matches } of settled) if (!matches) affected.add(call);
  if (state.mode === 'all') for (const call of pending) affected.add(call);
  else spread(affected, confirmedChanges(surprises, pending), pending, 0);

  const effects: ReconcileEffect[] = rollBackAll(affected, pending);
  for (const commit of event.commits) {
    const call = commit.ownCallId === undefined ? undefined : pending.get(commit.ownCallId);
    const isInPlace = call !== undefined && asPredicted.has(call.call.callId) && !affected.has(call);
    if (!isInPlace) effects.push({ type: 'apply', changes: commit.changes });
  }
  for (const { call, outcome, asPredicted: matches } of settled) {
    pending.remove(call.call.callId);
    affected.delete(call);
    effects.push({ type: 'settle', pending: call, outcome, asPredicted: matches });
  }
  return runNext({ ...state, queue: inOrder(affected).reverse(), before: new Map() }, effects, rows);
}

function onRan(state: ReconcileState, prediction: Prediction, rows: RowComparison): ReconcileStep {
  const { pending, running } = state;
  assert(running !== undefined, 'only a call that was asked for has run');
  if (!state.before.has(running)) state.before.set(running, running.prediction);
  pending.update(running, prediction);
  // Where every later call waits as well, there is nothing that it could have disturbed.
  const isLastInPlace = state.mode === 'all' || pending.countAfter(running.call.callId) === state.queue.length;
  if (isLastInPlace) return runNext(state, [], rows);

  const disturbed = disturbedCalls(pending, running);
  const affected = new Set<PendingCall>(disturbed);
  spread(affected, [], pending, running.call.callId);
  // It ran while calls that come after it were not out of the way: once more, without them.
  const again = disturbed.some((call) => isSeenBy(call, prediction)) ? [running] : [];
  const effects = [...rollBackAll(new Set(again), pending), ...rollBackAll(affected, pending)];
  const queue =
    effects.length === 0 && affected.size === 0
      ? state.queue
      : inOrder(new Set([...state.queue, ...again, ...affected])).reverse();
  return runNext({ ...state, queue }, effects, rows);
}

function runNext(state: ReconcileState, effects: ReconcileEffect[], rows: RowComparison): ReconcileStep {
  const first = state.queue.pop();
  if (first !== undefined) {
    effects.push({ type: 'run', pending: first, again: first === state.running });
    return { state: { ...state, running: first }, effects };
  }
  for (const [pending, from] of state.before) {
    if (!samePrediction(from, pending.prediction, rows))
      effects.push({ type: 'outcomeChange', pending, from, to: pending.prediction });
  }
  effects.push({ type: 'done' });
  return { state: { ...state, running: undefined, before: new Map() }, effects };
}

/**
 * The changes of these commits with the confirmed row as `before`, which is the one that the oldest pending write of the
 * key replaced: a range read may have seen it, even when a later call of ours has moved it out of the range since.
 */
function confirmedChanges(commits: readonly Commit[], pending: PendingCalls): RowChange[] {
  return commits.flatMap(({ changes }) =>
    changes.map((change) => {
      const oldest = pending.oldestWrite(change.tableId, change.key);
      return oldest === undefined ? change : { ...change, before: oldest.before };
    }),
  );
}

/**
 * Adds to `affected` all that `changes` touch, and all that the changes of an affected call touch, of calls after `after`.
 * Several changes of one key touch the same calls by it, so only those of the earliest are looked up.
 */
function spread(affected: Set<PendingCall>, changes: readonly RowChange[], pending: PendingCalls, after: number): void {
  const worklist: { readonly change: RowChange; readonly since: number }[] = changes.map((change) => ({
    change,
    since: after,
  }));
  const lookedUp = new Map<number, Map<Key, number>>();
  const isLookedUp = ({ tableId, key }: RowChange, since: number): boolean => {
    const keys = lookedUp.get(tableId) ?? new Map<Key, number>();
    lookedUp.set(tableId, keys);
    const earliest = keys.get(key);
    if (earliest !== undefined && earliest <= since) return true;
    keys.set(key, since);
    return false;
  };
  const include = (call: PendingCall): void => {
    affected.add(call);
    for (const change of appliedChanges(call)) worklist.push({ change, since: call.call.callId });
  };
  for (const call of inOrder(affected)) include(call);
  for (let i = 0; i < worklist.length; i++) {
    const { change, since } = worklist[i] as (typeof worklist)[number];
    for (const callId of pending.touchedBy(change, !isLookedUp(change, since))) {
      const call = pending.get(callId);
      // What a call did can only matter to calls after it.
      if (call !== undefined && callId > since && !affected.has(call)) include(call);
    }
  }
}

/** Calls after `running` that read or wrote what it now wrote, a failing one included, or wrote what it now read. */
function disturbedCalls(pending: PendingCalls, running: PendingCall): PendingCall[] {
  const { reads } = running.prediction;
  if (reads === undefined) return [];
  const disturbed = new Set<PendingCall>();
  const add = (callId: CallId): void => {
    const call = pending.get(callId);
    if (call !== undefined && callId > running.call.callId) disturbed.add(call);
  };
  for (const change of appliedChanges(running)) for (const callId of pending.touchedBy(change, true)) add(callId);
  for (const callId of pending.writersIn(reads)) {
    const call = pending.get(callId);
    if (call !== undefined && isSeenBy(call, running.prediction)) add(callId);
  }
  return [...disturbed];
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

function rollBackAll(affected: ReadonlySet<PendingCall>, pending: PendingCalls): ReconcileEffect[] {
  const effects: ReconcileEffect[] = [];
  for (const call of inOrder(affected).reverse()) {
    const changes = appliedChanges(call);
    pending.suspend(call);
    if (changes.length > 0) effects.push({ type: 'rollBack', changes });
  }
  return effects;
}

function inOrder(calls: Iterable<PendingCall>): PendingCall[] {
  return [...calls].sort((a, b) => a.call.callId - b.call.callId);
}

function isAsPredicted(call: PendingCall, outcome: Outcome, commit: Commit | undefined, rows: RowComparison): boolean {
  const { prediction } = call;
  switch (outcome.type) {
    case 'rejected':
      return prediction.type !== 'predicted' || prediction.changes.length === 0;
    case 'unchanged':
    case 'committed':
      // What comes without changes did none, or none to rows that are replicated here.
      return prediction.type === 'predicted' && sameChanges(prediction.changes, commit?.changes ?? [], rows);
  }
}

export function samePrediction(a: Prediction, b: Prediction, rows: RowComparison): boolean {
  if (a.type === 'predicted') return b.type === 'predicted' && sameChanges(a.changes, b.changes, rows);
  if (a.type === 'failing')
    return b.type === 'failing' && a.rejection.code === b.rejection.code && a.rejection.message === b.rejection.message;
  return b.type === 'unpredicted';
}

/** The same keys set to equal rows, in any order. */
function sameChanges(a: readonly RowChange[], b: readonly RowChange[], rows: RowComparison): boolean {
  if (a.length !== b.length) return false;
  return a.every((change, i) => {
    const inPlace = b[i];
    const other =
      inPlace !== undefined && isSameKey(change, inPlace) ? inPlace : b.find((each) => isSameKey(change, each));
    return other !== undefined && rows.equal(change.tableId, change.after, other.after);
  });
}

function isSameKey(a: RowChange, b: RowChange): boolean {
  return a.tableId === b.tableId && a.key === b.key;
}
