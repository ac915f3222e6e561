/**
 * What a batch of the authority touches, and what is to be done about it before any call runs again: the part of a
 * reconciliation whose cost grows with the batch and with the calls that it touches, so it is found out in pieces.
 *
 * Law: until it is done no row has changed; a call that is made meanwhile ran on the rows from before the batch, and runs
 * again after all others.
 */

import type { CallId, Outcome } from '../../core/commit/call.ts';
import type { Commit } from '../../core/commit/commit.ts';
import type { Key, RowChange } from '../../core/commit/row-change.ts';
import { appliedChanges, type PendingCall, type PendingCalls } from './pending.ts';
import type { ReconcileEffect, ReconcileEvent, ReconcileState } from './reconcile.ts';
import { isAsPredicted, type RowComparison } from './same-outcome.ts';

/** Commits, or what gives them when it has been asked often enough: there may be too many for one step to find. */
export type CommitSource = readonly Commit[] | Generator<undefined, readonly Commit[]>;

export type BatchPlan = Generator<undefined, ReconcileEffect[]>;

/** Finds out what a batch touches, and what is to be done about it before anything runs again. */
export function* planOf(
  state: ReconcileState,
  event: Extract<ReconcileEvent, { type: 'batch' }>,
  rows: RowComparison,
): BatchPlan {
  const { pending } = state;
  const commits = 'next' in event.commits ? yield* event.commits : event.commits;
  const settled = yield* settledCalls(commits, event.outcomes, pending, rows);
  const asPredicted = settled.length === 0 ? noCallIds : new Set<CallId>();
  for (const { call, asPredicted: matches } of settled) if (matches) asPredicted.add(call.call.callId);
  const surprises =
    asPredicted.size === 0
      ? commits
      : commits.filter(({ ownCallId }) => ownCallId === undefined || !asPredicted.has(ownCallId));

  const affected = new Set<PendingCall>();
  for (const { call, asPredicted: matches } of settled) if (!matches) affected.add(call);
  // One that was made since the batch came is out of the way.
  if (state.mode === 'all') for (const call of pending) if (!call.suspended) affected.add(call);
  if (state.mode !== 'all') yield* spread(affected, yield* confirmedChanges(surprises, pending), pending, 0);

  const rolledBack = pending.inOrder(affected);
  for (const call of rolledBack) call.before = call.prediction;
  const effects: ReconcileEffect[] = [];
  rollBack(rolledBack, pending, effects);
  for (const commit of commits) {
    const call = commit.ownCallId === undefined ? undefined : pending.get(commit.ownCallId);
    const isInPlace = call !== undefined && asPredicted.has(call.call.callId) && !affected.has(call);
    if (isInPlace) continue;
    for (let from = 0; from < commit.changes.length; from += changesPerEffect) {
      const isWhole = commit.changes.length <= changesPerEffect;
      const changes = isWhole ? commit.changes : commit.changes.slice(from, from + changesPerEffect);
      effects.push({ type: 'apply', changes });
    }
  }
  for (const [i, { call, outcome, asPredicted: matches }] of settled.entries()) {
    pending.remove(call);
    affected.delete(call);
    effects.push({ type: 'settle', pending: call, outcome, asPredicted: matches });
    if (i % stepsPerLook === stepsPerLook - 1) yield;
  }
  const again = rolledBack.length === affected.size ? rolledBack : rolledBack.filter((call) => affected.has(call));
  // Those made meanwhile come last, and are out of the way already.
  state.rolledBack = state.rolledBack.length === 0 ? again : [...again, ...state.rolledBack];
  state.queue = [...state.rolledBack].reverse();
  return effects;
}

/** So much is looked at before the driver is asked whether there is time for more. */
const stepsPerLook = 200;

interface SettledCall {
  readonly call: PendingCall;
  readonly outcome: Outcome;
  readonly asPredicted: boolean;
}

function* settledCalls(
  commits: readonly Commit[],
  outcomes: readonly Outcome[],
  pending: PendingCalls,
  rows: RowComparison,
): Generator<undefined, readonly SettledCall[]> {
  if (outcomes.length === 0) return noneSettled;
  const settled: SettledCall[] = [];
  const own = new Map<CallId, Commit>();
  for (const commit of commits) if (commit.ownCallId !== undefined) own.set(commit.ownCallId, commit);
  for (const [i, outcome] of outcomes.entries()) {
    if (i % stepsPerLook === stepsPerLook - 1) yield;
    const call = pending.get(outcome.callId);
    if (call === undefined) continue;
    settled.push({ call, outcome, asPredicted: isAsPredicted(call, outcome, own.get(outcome.callId), rows) });
  }
  return settled;
}

const noneSettled: readonly SettledCall[] = [];
/** Never added to. */
const noCallIds: Set<CallId> = new Set();

/**
 * The changes of these commits with the confirmed row as `before`, which is the one that the oldest pending write of the
 * key replaced: a range read may have seen it, even when a later call of ours has moved it out of the range since.
 */
function* confirmedChanges(commits: readonly Commit[], pending: PendingCalls): Generator<undefined, RowChange[]> {
  const confirmed: RowChange[] = [];
  if (pending.size === 0) return confirmed;
  for (const { changes } of commits) {
    for (const change of changes) {
      const oldest = pending.asksForBefore(change.tableId)
        ? pending.oldestWrite(change.tableId, change.key)
        : undefined;
      confirmed.push(oldest === undefined ? change : { ...change, before: oldest.before });
      if (confirmed.length % stepsPerLook === 0) yield;
    }
  }
  return confirmed;
}

/**
 * Adds to `affected` all that `changes` touch, and all that the changes of an affected call touch, of calls after `after`.
 * Several changes of one key touch the same calls by it, so only those of the earliest are looked up.
 */
export function* spread(
  affected: Set<PendingCall>,
  changes: readonly RowChange[],
  pending: PendingCalls,
  after: number,
): Generator<undefined, void> {
  const worklist: RowChange[] = [...changes];
  const sinces: number[] = changes.map(() => after);
  const lookedUp = new LookedUp();
  const include = (call: PendingCall): void => {
    affected.add(call);
    for (const change of appliedChanges(call)) {
      worklist.push(change);
      sinces.push(call.call.callId);
    }
  };
  if (affected.size > 0) for (const call of pending.inOrder(affected)) include(call);
  let since = after;
  const touched = (call: PendingCall): void => {
    // What a call did can only matter to calls after it.
    if (call.call.callId > since && !affected.has(call)) include(call);
  };
  for (let i = 0; i < worklist.length && affected.size < pending.size; i++) {
    const change = worklist[i] as RowChange;
    since = sinces[i] as number;
    pending.touchedBy(change, lookedUp.isNew(change, since), touched);
    if (i % stepsPerLook === stepsPerLook - 1) yield;
  }
}

/** Keys with the earliest call since which they have been looked up. */
class LookedUp {
  #first: RowChange | undefined;
  #firstSince = 0;
  #tables: Map<number, Map<Key, number>> | undefined;

  /** Most batches look up one key; the second makes the maps. */
  isNew(change: RowChange, since: number): boolean {
    if (this.#first === undefined) {
      this.#first = change;
      this.#firstSince = since;
      return true;
    }
    if (this.#tables === undefined) {
      this.#tables = new Map();
      this.#isNewInMaps(this.#first, this.#firstSince, this.#tables);
    }
    return this.#isNewInMaps(change, since, this.#tables);
  }

  #isNewInMaps({ tableId, key }: RowChange, since: number, tables: Map<number, Map<Key, number>>): boolean {
    let keys = tables.get(tableId);
    if (keys === undefined) tables.set(tableId, (keys = new Map()));
    const earliest = keys.get(key);
    if (earliest !== undefined && earliest <= since) return false;
    keys.set(key, since);
    return true;
  }
}

/** A driver may pause between two effects, while the state is under way. */
const runsPerEffect = 100;
const changesPerEffect = 500;

/** Takes these calls, given in order, out of the rows, the last one first. */
export function rollBack(calls: readonly PendingCall[], pending: PendingCalls, effects: ReconcileEffect[]): void {
  let runs: (readonly RowChange[])[] = [];
  for (let i = calls.length - 1; i >= 0; i--) {
    const call = calls[i] as PendingCall;
    const changes = appliedChanges(call);
    pending.suspend(call);
    if (changes.length === 0) continue;
    if (runs.length === 0) effects.push({ type: 'rollBack', runs });
    if (runs.push(changes) === runsPerEffect) runs = [];
  }
}
