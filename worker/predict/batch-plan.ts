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

/** What a batch touches, found out in pieces. */
export class BatchPlan {
  readonly #state: ReconcileState;
  readonly #outcomes: readonly Outcome[];
  readonly #rows: RowComparison;
  #source: CommitSource;
  #commits: readonly Commit[] | undefined;
  #ownCommits = noCommits;
  /** Calls that the batch answers, as far as it has been looked at. */
  readonly #settled: SettledCall[] = [];
  #outcomesSeen = 0;
  #asPredicted = noCallIds;
  readonly #affected = new Set<PendingCall>();
  #unexpected: UnexpectedChanges | undefined;
  #spread: Spread | undefined;
  #rolledBack: PendingCall[] | undefined;
  readonly #effects: ReconcileEffect[] = [];
  #told = 0;

  constructor(state: ReconcileState, event: Extract<ReconcileEvent, { type: 'batch' }>, rows: RowComparison) {
    this.#state = state;
    this.#outcomes = event.outcomes;
    this.#source = event.commits;
    this.#rows = rows;
  }

  /** Looks at some more; gives what is to be done when that was all. */
  goOn(): ReconcileEffect[] | undefined {
    const commits = (this.#commits ??= this.#takeCommits());
    if (commits === undefined || !this.#settle(commits)) return undefined;
    if (!this.#affect(commits)) return undefined;
    const rolledBack = (this.#rolledBack ??= this.#takeBack(commits));
    if (!this.#tell()) return undefined;
    const [state, affected] = [this.#state, this.#affected];
    const again = rolledBack.length === affected.size ? rolledBack : rolledBack.filter((call) => affected.has(call));
    // Those made meanwhile come last, and are out of the way already.
    state.rolledBack = state.rolledBack.length === 0 ? again : [...again, ...state.rolledBack];
    state.queue = state.rolledBack.toReversed();
    return this.#effects;
  }

  #takeCommits(): readonly Commit[] | undefined {
    if (!('next' in this.#source)) return this.#source;
    const { done, value } = this.#source.next();
    return done === true ? value : undefined;
  }

  /** Which calls are answered, and which of them did what was predicted. */
  #settle(commits: readonly Commit[]): boolean {
    const outcomes = this.#outcomes;
    if (this.#outcomesSeen === outcomes.length) return true;
    if (this.#outcomesSeen === 0) {
      this.#ownCommits = commitsByCall(commits);
      this.#asPredicted = new Set();
    }
    const end = Math.min(outcomes.length, this.#outcomesSeen + stepsPerLook);
    while (this.#outcomesSeen < end) {
      const outcome = outcomes[this.#outcomesSeen++] as Outcome;
      const call = this.#state.pending.get(outcome.callId);
      if (call === undefined) continue;
      const asPredicted = isAsPredicted(call, outcome, this.#ownCommits.get(outcome.callId), this.#rows);
      this.#settled.push({ call, outcome, asPredicted });
      if (asPredicted) this.#asPredicted.add(outcome.callId);
      else this.#affected.add(call);
    }
    return end === outcomes.length;
  }

  /** Which calls are touched, directly or through each other. */
  #affect(commits: readonly Commit[]): boolean {
    if (this.#rolledBack !== undefined) return true;
    const { pending, mode } = this.#state;
    if (mode === 'all') {
      // One that was made since the batch came is out of the way.
      for (const call of pending) if (!call.suspended) this.#affected.add(call);
      return true;
    }
    if (pending.size === 0) return true;
    this.#unexpected ??= new UnexpectedChanges(commits, this.#asPredicted, pending);
    const changes = this.#unexpected.goOn(stepsPerLook);
    if (changes === undefined) return false;
    this.#spread ??= new Spread(this.#affected, changes, pending, 0);
    return this.#spread.goOn(stepsPerLook);
  }

  /** Takes those calls out and puts the confirmed rows beneath. */
  #takeBack(commits: readonly Commit[]): PendingCall[] {
    const { pending } = this.#state;
    const rolledBack = pending.inOrder(this.#affected);
    for (const call of rolledBack) call.before = call.prediction;
    rollBack(rolledBack, pending, this.#effects);
    for (const { ownCallId, changes } of commits) {
      const call = ownCallId === undefined ? undefined : pending.get(ownCallId);
      const isInPlace = call !== undefined && this.#asPredicted.has(call.callId) && !this.#affected.has(call);
      if (!isInPlace) apply(changes, this.#effects);
    }
    return rolledBack;
  }

  /** Answered calls are pending no longer. */
  #tell(): boolean {
    const end = Math.min(this.#settled.length, this.#told + stepsPerLook);
    while (this.#told < end) {
      const { call, outcome, asPredicted } = this.#settled[this.#told++] as SettledCall;
      this.#state.pending.remove(call);
      this.#affected.delete(call);
      const commit = this.#ownCommits.get(outcome.callId);
      const isExpected = asPredicted || isAsPredictedHere(call, outcome, commit, this.#rows);
      this.#effects.push({ type: 'settle', pending: call, outcome, asPredicted: isExpected });
    }
    return end === this.#settled.length;
  }
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

/** The changes of commits that did not do what was predicted, each with the confirmed row as `before` where that matters. */
class UnexpectedChanges {
  readonly #commits: readonly Commit[];
  readonly #expected: ReadonlySet<CallId>;
  readonly #pending: PendingCalls;
  readonly #changes: RowChange[] = [];
  /** The next commit, and its next change. */
  #commit = 0;
  #change = 0;

  constructor(commits: readonly Commit[], expected: ReadonlySet<CallId>, pending: PendingCalls) {
    this.#commits = commits;
    this.#expected = expected;
    this.#pending = pending;
  }

  /** Looks at so many commits and changes at most; undefined until there are no more. */
  goOn(stepsMax: number): RowChange[] | undefined {
    let left = stepsMax;
    for (; this.#commit < this.#commits.length; this.#commit++, this.#change = 0) {
      const { ownCallId, changes } = this.#commits[this.#commit] as Commit;
      if (ownCallId !== undefined && this.#expected.has(ownCallId)) continue;
      while (this.#change < changes.length) {
        if (left-- === 0) return undefined;
        this.#changes.push(confirmedChange(changes[this.#change++] as RowChange, this.#pending));
      }
    }
    return this.#changes;
  }
}

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
  /** What a call did can only matter to calls after it: that call, for each change beyond those given. */
  readonly #sinces: number[] = [];
  readonly #given: number;
  readonly #after: number;
  readonly #lookedUp = new LookedUp();
  #at = 0;
  #since = 0;

  /** Uses `changes` up. */
  constructor(affected: Set<PendingCall>, changes: RowChange[], pending: PendingCalls, after: number) {
    this.#affected = affected;
    this.#pending = pending;
    this.#worklist = changes;
    this.#given = changes.length;
    this.#after = after;
    if (affected.size > 0) for (const call of pending.inOrder(affected)) this.#include(call);
  }

  /** Looks at so many changes at most; gives whether that was all. */
  goOn(changesMax: number): boolean {
    for (let left = changesMax; left > 0; left--) {
      const change = this.#worklist[this.#at];
      if (change === undefined || this.#affected.size >= this.#pending.size) return true;
      const at = this.#at++;
      this.#since = at < this.#given ? this.#after : (this.#sinces[at - this.#given] as number);
      this.#pending.touchedBy(change, this.#lookedUp.isNew(change, this.#since), this.#touched);
    }
    return false;
  }

  readonly #touched = (call: PendingCall): void => {
    if (call.callId > this.#since && !this.#affected.has(call)) this.#include(call);
  };

  #include(call: PendingCall): void {
    this.#affected.add(call);
    for (const change of appliedChanges(call)) {
      this.#worklist.push(change);
      this.#sinces.push(call.callId);
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

function apply(changes: readonly RowChange[], effects: ReconcileEffect[]): void {
  if (changes.length <= changesPerEffect) {
    if (changes.length > 0) effects.push({ type: 'apply', changes });
    return;
  }
  for (let from = 0; from < changes.length; from += changesPerEffect)
    effects.push({ type: 'apply', changes: changes.slice(from, from + changesPerEffect) });
}

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
