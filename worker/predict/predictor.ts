/**
 * Carries out what `reconcile.ts` decides: the pending calls, the engine, and what came of both.
 *
 * Law: while `isBusy` is false, the engine holds the predicted state of the contract. What changed for the app since it
 * was last told is collected in one net, so a row that was rolled back and came back equal has not changed.
 *
 * A long reconciliation is carried out in slices. Between two of them the engine holds a state that nobody may see;
 * `showing` swaps it for the last complete one, by writing the net's rows, for as long as someone looks or calls.
 */

import { assert, unreachable } from '../../core/assert.ts';
import type { Call, CallId, Outcome, Seq } from '../../core/commit/call.ts';
import type { Commit } from '../../core/commit/commit.ts';
import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
import type { ConnectionId } from '../../core/value/connection-id.ts';
import type { Engine } from '../../core/engine/engine.ts';
import type { Execution } from '../../core/engine/execute.ts';
import { AppChanges } from './app-changes.ts';
import type { ClientIds } from './client-ids.ts';
import type { CommitSource } from './batch-plan.ts';
import { appliedChanges, type PendingCall, PendingCalls, type Prediction } from './pending.ts';
import { replacing } from './replacement.ts';
import { initialState, next, type ReconcileEffect, type ReconcileState } from './reconcile.ts';
import type { RowComparison } from './same-outcome.ts';

export interface ReconcileResult {
  /** Net changes of the rows that the app sees. */
  readonly changes: readonly RowChange[];
  readonly settled: readonly {
    readonly pending: PendingCall;
    readonly outcome: Outcome;
    readonly asPredicted: boolean;
  }[];
  readonly outcomeChanges: readonly {
    readonly pending: PendingCall;
    readonly from: Prediction;
    readonly to: Prediction;
  }[];
}

/** Counters that an app can read. */
export interface PredictionCounters {
  /** Own calls whose commit did what was predicted. */
  confirmed: number;
  /** Own calls whose outcome was another one than predicted: over both, the rate of mispredictions. */
  diverged: number;
  /** Own calls that were left to the authority. */
  unpredicted: number;
  rolledBack: number;
  replayed: number;
  /** Milliseconds spent on making rows right again, replays included. */
  reconcileMs: number;
  /** Tables whose rows were compared with the authority's, and comparisons that found a difference. */
  checked: number;
  differences: number;
}

/** Asked between the steps of a long reconciliation: whether it may go on with one that takes about so long. */
export type HasTime = (stepMs?: number) => boolean;

const always: HasTime = () => true;

/** Of a batch, in one step of finding out what they replace. */
const changesPerStep = 200;

/** So many things are told to the pages in a millisecond, on a slow machine. */
const toldPerMs = 500;

const toEverything: Pick<RowComparison, 'told'> = { told: (change) => change };

export class Predictor {
  readonly counters: PredictionCounters = {
    confirmed: 0,
    diverged: 0,
    unpredicted: 0,
    rolledBack: 0,
    replayed: 0,
    reconcileMs: 0,
    checked: 0,
    differences: 0,
  };
  readonly #engine: Engine;
  readonly #ids: ClientIds;
  readonly #rows: RowComparison;
  readonly #net: AppChanges;
  #state: ReconcileState;
  /** What the last step wants done, and how much of it has been. */
  #effects: readonly ReconcileEffect[] = [];
  #done = 0;
  #settled: ReconcileResult['settled'][number][] = [];
  #outcomeChanges: ReconcileResult['outcomeChanges'][number][] = [];
  #isShowing = false;
  /** What calls have changed while the last complete state was shown. */
  #shown: RowChange[] = [];

  constructor(
    engine: Engine,
    ids: ClientIds,
    mode: ReconcileState['mode'] = 'selective',
    subscribed: Pick<RowComparison, 'told'> = toEverything,
  ) {
    this.#engine = engine;
    this.#net = new AppChanges(engine);
    this.#ids = ids;
    this.#state = initialState(new PendingCalls(), mode);
    this.#rows = {
      equal: (tableId, a, b) => a === b || (a !== undefined && b !== undefined && engine.equal(tableId, a, b)),
      told: (change) => subscribed.told(change),
    };
  }

  get pending(): PendingCalls {
    return this.#state.pending;
  }

  /** A reconciliation is under way: the rows are right again when `goOn` gives its result. */
  get isBusy(): boolean {
    return this.#effects.length > 0;
  }

  /**
   * Runs a new call here and now, unless it says why not, and puts it at the end of the pending ones. In the middle of a
   * reconciliation only within `showing`.
   */
  predict(
    call: Call,
    unpredicted: string | undefined,
  ): { readonly pending: PendingCall; readonly changes: readonly RowChange[] } {
    assert(!this.isBusy || this.#isShowing, 'a call is predicted on a complete state');
    const prediction =
      unpredicted === undefined
        ? this.#run(call)
        : ({ type: 'unpredicted', reason: unpredicted, reads: undefined } as const);
    this.#state = next(this.#state, { type: 'called', call, prediction }, this.#rows).state;
    const pending = this.pending.get(call.callId);
    assert(pending !== undefined, 'a call that was made is pending');
    const changes = prediction.type === 'predicted' ? prediction.changes : [];
    if (this.isBusy) this.#shown.push(...changes);
    return { pending, changes };
  }

  /** While `look` runs, the engine holds the last complete predicted state, with what `predict` adds to it. */
  showing<T>(look: () => T): T {
    if (!this.isBusy || this.#isShowing) return look();
    this.#isShowing = true;
    for (const { tableId, key, before } of this.#net) this.#engine.set(tableId, key, before);
    try {
      return look();
    } finally {
      this.#engine.rollBack(this.#shown);
      for (const { tableId, key, after } of this.#net) this.#engine.set(tableId, key, after);
      for (const change of this.#shown) this.#net.addBelow(change);
      this.#shown = [];
      this.#isShowing = false;
    }
  }

  /** Makes the predicted state right again after a message of the authority, without a pause. */
  reconcile(lastSeq: Seq, commits: readonly Commit[], outcomes: readonly Outcome[]): ReconcileResult {
    this.begin(lastSeq, commits, outcomes);
    return this.#toTheEnd();
  }

  /** The same in slices: `goOn` until it gives a result. */
  begin(lastSeq: Seq, commits: readonly Commit[], outcomes: readonly Outcome[]): void {
    assert(!this.isBusy, 'one message is reconciled before the next');
    this.#take(next(this.#state, { type: 'batch', lastSeq, commits: this.#completed(commits), outcomes }, this.#rows));
  }

  /** Carries on with what `begin` began, for as long as there is time; at least one step. */
  goOn(hasTime: HasTime): ReconcileResult | undefined {
    assert(!this.#isShowing, 'nobody looks while rows are being made right');
    while (this.#done < this.#effects.length) {
      const effect = this.#effects[this.#done++] as ReconcileEffect;
      if (effect.type === 'settle') this.#settled.push(effect);
      else if (effect.type === 'outcomeChange') this.#outcomeChanges.push(effect);
      else if (effect.type === 'consider') this.#take(next(this.#state, { type: 'considered' }, this.#rows));
      else if (effect.type === 'proceed') this.#take(next(this.#state, { type: 'proceeded' }, this.#rows));
      else {
        const ran = this.#carryOut(effect);
        if (ran !== undefined) this.#take(next(this.#state, { type: 'ran', prediction: ran }, this.#rows));
      }
      if (!hasTime(this.#nextMs()) && this.#mayPause()) return undefined;
    }
    return this.#result();
  }

  /**
   * Begins to make these the confirmed rows of their tables; pending calls that this touches run again on top of them. `outcomes`
   * are of calls whose effects the rows contain, `own` their commits as far as they are known.
   */
  beginReplacing(
    seq: Seq,
    tables: ReadonlyMap<number, ReadonlyMap<Key, Row>>,
    own: readonly Commit[],
    outcomes: readonly Outcome[],
  ): void {
    assert(!this.isBusy, 'one message is reconciled before the next');
    const commits = replacing({ engine: this.#engine, pending: this.pending, seq, tables, own });
    this.#take(next(this.#state, { type: 'batch', lastSeq: seq, commits, outcomes }, this.#rows));
  }

  /** Everything pending runs again, since its reducers have other code now. */
  rerun(): ReconcileResult {
    this.#take(next(this.#state, { type: 'rerun' }, this.#rows));
    return this.#toTheEnd();
  }

  /** Pending calls will reach the authority on this connection: begins to run those again that have looked at theirs. */
  beginReconnected(connectionId: ConnectionId): void {
    assert(!this.isBusy, 'one message is reconciled before the next');
    const calls = new Set<PendingCall>();
    for (const pending of this.#state.pending) {
      if (pending.call.connectionId?.__connection_id__ === connectionId.__connection_id__) continue;
      pending.call.connectionId = connectionId;
      if (pending.prediction.reads?.connection === true) calls.add(pending);
    }
    if (calls.size > 0) this.#take(next(this.#state, { type: 'rerun', calls }, this.#rows));
  }

  /** The confirmed rows where pending calls have put others: applied to the rows there are, they give the confirmed ones. */
  beneath(): RowChange[] {
    const seen = new Map<number, Set<Key>>();
    const changes: RowChange[] = [];
    for (const pending of this.#state.pending) {
      for (const { tableId, key, before, after } of appliedChanges(pending)) {
        let keys = seen.get(tableId);
        if (keys === undefined) seen.set(tableId, (keys = new Set()));
        // The first call that wrote a key has seen the confirmed row.
        if (keys.has(key)) continue;
        keys.add(key);
        changes.push({ tableId, key, before: after, after: before });
      }
    }
    return changes;
  }

  /** Takes calls out that will never be answered; what depended on them runs again. */
  discard(callIds: readonly CallId[]): ReconcileResult {
    const outcomes = callIds
      .filter((callId) => this.#state.pending.get(callId) !== undefined)
      .map((callId) => ({ type: 'unchanged', callId }) as const);
    const result = this.reconcile(0 as Seq, [], outcomes);
    return { ...result, settled: [] };
  }

  /** Gives the calls after `callId` numbers that are higher by `shift`, and runs them again. */
  renumber(callId: CallId, shift: number): { readonly moved: PendingCall[]; readonly changes: readonly RowChange[] } {
    const { pending } = this.#state;
    assert(!this.isBusy, 'numbers change between reconciliations');
    const calls = [...pending.after(callId)];
    for (const each of calls.toReversed()) {
      this.#carryOut({ type: 'rollBack', runs: [appliedChanges(each)] });
      pending.remove(each);
    }
    const moved = calls.map(({ call, prediction }) => {
      const renumbered = { ...call, callId: (call.callId + shift) as CallId, idHints: [] };
      const unpredicted =
        prediction.type === 'unpredicted' && prediction.reads === undefined ? prediction.reason : undefined;
      const again = this.predict(renumbered, unpredicted);
      this.#net.addAll(again.changes);
      return again.pending;
    });
    return { moved, changes: this.#net.take() };
  }

  /** The confirmed row of a key, beneath what pending calls did to it. */
  confirmedRow(tableId: number, key: Key): Row | undefined {
    const oldest = this.#state.pending.oldestWrite(tableId, key);
    return oldest === undefined ? this.#engine.store(tableId).read(key) : oldest.before;
  }

  /** Nothing is pending and no row is here: rows may be written straight to the tables. */
  isEmpty(tableIds: Iterable<number>): boolean {
    if (this.#state.pending.size > 0) return false;
    for (const tableId of tableIds) if (this.#engine.store(tableId).count > 0) return false;
    return true;
  }

  #take({ state, effects }: ReturnType<typeof next>): void {
    this.#state = state;
    this.#effects = effects;
    this.#done = 0;
  }

  #toTheEnd(): ReconcileResult {
    const result = this.goOn(always);
    assert(result !== undefined, 'with time enough it comes to an end');
    return result;
  }

  /** Most steps take next to nothing; at the last one all that has run again and all rows that have changed are told of. */
  #nextMs(): number {
    if (this.#effects[this.#done]?.type !== 'proceed') return 0;
    return (this.#state.rolledBack.length + this.#settled.length + this.#net.size) / toldPerMs;
  }

  /** What a call has just drawn is taken back when it runs once more: another run must not come in between. */
  #mayPause(): boolean {
    const last = this.#effects.at(-1);
    return this.#state.isUnderWay && !(last?.type === 'run' && last.again);
  }

  #result(): ReconcileResult {
    assert(!this.#state.isUnderWay, 'a reconcile ends with nothing left to run');
    const [settled, outcomeChanges] = [this.#settled, this.#outcomeChanges];
    this.#effects = [];
    this.#done = 0;
    this.#settled = [];
    this.#outcomeChanges = [];
    for (const each of settled) this.counters[countedAs(each)]++;
    return { changes: this.#net.take(), settled, outcomeChanges };
  }

  #carryOut(
    effect: Exclude<ReconcileEffect, { type: 'settle' | 'outcomeChange' | 'proceed' | 'consider' }>,
  ): Prediction | undefined {
    switch (effect.type) {
      case 'rollBack':
        this.counters.rolledBack += effect.runs.length;
        for (const changes of effect.runs) {
          this.#engine.rollBack(changes);
          this.#net.addTakenBack(changes);
        }
        return undefined;
      case 'apply':
        this.#net.addAll(this.#engine.apply(effect.changes));
        return undefined;
      case 'run': {
        this.counters.replayed++;
        effect.pending.replays++;
        const { call, prediction } = effect.pending;
        if (prediction.reads === undefined) return prediction;
        if (effect.again) this.#ids.takeBack();
        const ran = this.#run(call);
        if (ran.type === 'predicted') this.#net.addAll(ran.changes);
        return ran;
      }
      case 'done':
        return undefined;
      default:
        return unreachable(effect);
    }
  }

  #run(call: Call): Prediction {
    this.#ids.begin();
    return predictionOf(this.#engine.execute(call));
  }

  /** Tells each change the row it will replace, as far as the engine knows. Only pending calls ask for it, and few. */
  #completed(commits: readonly Commit[]): CommitSource {
    const { pending } = this;
    if (pending.size === 0) return commits;
    if (!commits.some(({ changes }) => changes.some(({ tableId }) => pending.asksForBefore(tableId)))) return commits;
    const [first] = commits;
    if (commits.length === 1 && first !== undefined && first.changes.length <= changesPerStep)
      return [this.#commitWithBefore(first, first.changes.length === 1 ? undefined : new Map())];
    return this.#withBefore(commits);
  }

  *#withBefore(commits: readonly Commit[]): Generator<undefined, readonly Commit[]> {
    const latest = new Map<number, Map<Key, Row | undefined>>();
    const completed: Commit[] = [];
    let left = changesPerStep;
    for (const commit of commits) {
      completed.push(this.#commitWithBefore(commit, latest));
      left -= commit.changes.length;
      if (left > 0) continue;
      left = changesPerStep;
      yield;
    }
    return completed;
  }

  #commitWithBefore(commit: Commit, latest: Map<number, Map<Key, Row | undefined>> | undefined): Commit {
    return { ...commit, changes: commit.changes.map((change) => this.#changeWithBefore(change, latest)) };
  }

  #changeWithBefore(
    { tableId, key, after }: RowChange,
    latest: Map<number, Map<Key, Row | undefined>> | undefined,
  ): RowChange {
    const stored = this.#engine.store(tableId).read(key);
    if (latest === undefined) return { tableId, key, before: stored, after };
    let rows = latest.get(tableId);
    if (rows === undefined) latest.set(tableId, (rows = new Map()));
    const before = rows.has(key) ? rows.get(key) : stored;
    rows.set(key, after);
    return { tableId, key, before, after };
  }
}

/** What a settled call is counted as: one that was refused did what was predicted if its prediction failed too. */
function countedAs({
  pending,
  outcome,
  asPredicted,
}: ReconcileResult['settled'][number]): 'confirmed' | 'diverged' | 'unpredicted' {
  const { type } = pending.prediction;
  if (type === 'unpredicted') return 'unpredicted';
  const isForeseen = outcome.type === 'rejected' ? type === 'failing' : asPredicted;
  return isForeseen ? 'confirmed' : 'diverged';
}

function predictionOf(execution: Execution): Prediction {
  const { reads } = execution;
  assert(reads !== undefined, 'a client records what its calls read');
  switch (execution.type) {
    case 'committed':
      return { type: 'predicted', changes: execution.changes, reads };
    case 'rejected':
      return { type: 'failing', rejection: execution.rejection, reads };
    case 'unpredictable':
      return { type: 'unpredicted', reason: execution.reason, reads };
    default:
      return unreachable(execution);
  }
}
