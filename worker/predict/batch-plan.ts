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
import { isAsPredicted, isAsPredictedHere, type RowComparison } from './same-outcome.ts';

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
  const settled: SettledCall[] = [];
  const ownCommits = event.outcomes.length === 0 ? noCommits : commitsByCall(commits);
  for (const outcome of event.outcomes) {
    const call = pending.get(outcome.callId);
    if (call === undefined) continue;
    settled.push({ call, outcome, asPredicted: isAsPredicted(call, outcome, ownCommits.get(outcome.callId), rows) });
    if (settled.length % stepsPerLook === 0) yield;
  }
  const asPredicted = settled.length === 0 ? noCallIds : new Set<CallId>();
  for (const { call, asPredicted: matches } of settled) if (matches) asPredicted.add(call.call.callId);
  const surprises =
    asPredicted.size === 0
      ? commits
      : commits.filter(({ ownCallId }) => ownCallId === undefined || !asPredicted.has(ownCallId));

  const affected = new Set<PendingCall>();
  for (const { call, asPredicted: matches } of settled) if (!matches) affected.add(call);
  // One that was made since the batch came is out of the way.
  if (state.mode === 'all') {
    for (const call of pending) if (!call.suspended) affected.add(call);
  } else if (pending.size > 0) {
    const changes: RowChange[] = [];
    for (const commit of surprises) {
      for (const change of commit.changes) {
        changes.push(confirmedChange(change, pending));
        if (changes.length % stepsPerLook === 0) yield;
      }
    }
    const spread = new Spread(affected, changes, pending, 0);
    while (!spread.goOn(stepsPerLook)) yield;
  }

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
    const asPredicted = matches || isAsPredictedHere(call, outcome, ownCommits.get(outcome.callId), rows);
    effects.push({ type: 'settle', pending: call, outcome, asPredicted });
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

/** Never added to. */
const noCallIds: Set<CallId> = new Set();
const noCommits: ReadonlyMap<CallId, Commit> = new Map();

function commitsByCall(commits: readonly Commit[]): ReadonlyMap<CallId, Commit> {
  const own = new Map<CallId, Commit>();
  for (const commit of commits) if (commit.ownCallId !== undefined) own.set(commit.ownCallId, commit);
  return own;
}

/**
 * The change of a commit with the confirmed row as `before`, which is the one that the oldest pending write of the key
 * replaced: a range read may have seen it, even when a later call of ours has moved it out of the range since.
 */
function confirmedChange(change: RowChange, pending: PendingCalls): RowChange {
  if (!pending.asksForBefore(change.tableId)) return change;
  const oldest = pending.oldestWrite(change.tableId, change.key);
  return oldest === undefined ? change : { ...change, before: oldest.before };
}

/**
 * Adds to `affected` all that `changes` touch, and all that the changes of an affected call touch, of calls after `after`.
 * Several changes of one key touch the same calls by it, so only those of the earliest are looked up.
 */
export class Spread {
  readonly #affected: Set<PendingCall>;
  readonly #pending: PendingCalls;
  readonly #worklist: RowChange[];
  /** What a call did can only matter to calls after it: for each change, that call. */
  readonly #sinces: number[];
  readonly #lookedUp = new LookedUp();
  #at = 0;
  #since = 0;

  constructor(affected: Set<PendingCall>, changes: readonly RowChange[], pending: PendingCalls, after: number) {
    this.#affected = affected;
    this.#pending = pending;
    this.#worklist = [...changes];
    this.#sinces = changes.map(() => after);
    if (affected.size > 0) for (const call of pending.inOrder(affected)) this.#include(call);
  }

  /** Looks at so many changes at most; gives whether that was all. */
  goOn(changesMax: number): boolean {
    for (let left = changesMax; left > 0; left--) {
      const change = this.#worklist[this.#at];
      if (change === undefined || this.#affected.size >= this.#pending.size) return true;
      this.#since = this.#sinces[this.#at++] as number;
      this.#pending.touchedBy(change, this.#lookedUp.isNew(change, this.#since), this.#touched);
    }
    return false;
  }

  readonly #touched = (call: PendingCall): void => {
    if (call.call.callId > this.#since && !this.#affected.has(call)) this.#include(call);
  };

  #include(call: PendingCall): void {
    this.#affected.add(call);
    for (const change of appliedChanges(call)) {
      this.#worklist.push(change);
      this.#sinces.push(call.call.callId);
    }
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
