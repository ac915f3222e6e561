/**
 * Carries out what `reconcile.ts` decides: the pending calls, the engine, and what came of both.
 *
 * Law: between its methods the engine holds the predicted state of the contract. What changed for the app since it was
 * last told is collected in one net, so a row that was rolled back and came back equal has not changed.
 */

import { assert, unreachable } from '../../core/assert.ts';
import type { Call, CallId, Outcome, Seq } from '../../core/commit/call.ts';
import type { Commit } from '../../core/commit/commit.ts';
import { invert, type Key, NetChanges, type Row, type RowChange } from '../../core/commit/row-change.ts';
import type { Engine } from '../../core/engine/engine.ts';
import type { Execution } from '../../core/engine/execute.ts';
import type { ClientIds } from './client-ids.ts';
import { appliedChanges, type PendingCall, PendingCalls, type Prediction } from './pending.ts';
import { initialState, next, type ReconcileEffect, type ReconcileState, type RowComparison } from './reconcile.ts';

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
  /** Own calls whose outcome was another one. */
  diverged: number;
  rolledBack: number;
  replayed: number;
}

export class Predictor {
  readonly counters: PredictionCounters = { confirmed: 0, diverged: 0, rolledBack: 0, replayed: 0 };
  readonly #engine: Engine;
  readonly #ids: ClientIds;
  readonly #rows: RowComparison;
  readonly #net = new NetChanges();
  #state: ReconcileState;

  constructor(engine: Engine, ids: ClientIds, mode: ReconcileState['mode'] = 'selective') {
    this.#engine = engine;
    this.#ids = ids;
    this.#state = initialState(new PendingCalls(), mode);
    this.#rows = {
      equal: (tableId, a, b) => a === b || (a !== undefined && b !== undefined && engine.equal(tableId, a, b)),
    };
  }

  get pending(): PendingCalls {
    return this.#state.pending;
  }

  /** Runs a new call here and now, unless it says why not, and puts it at the end of the pending ones. */
  predict(
    call: Call,
    unpredicted: string | undefined,
  ): { readonly pending: PendingCall; readonly changes: readonly RowChange[] } {
    const prediction =
      unpredicted === undefined
        ? this.#run(call)
        : ({ type: 'unpredicted', reason: unpredicted, reads: undefined } as const);
    const pending = { call, prediction, applied: prediction.type === 'predicted', suspended: false };
    this.#state.pending.add(pending);
    return { pending, changes: prediction.type === 'predicted' ? prediction.changes : [] };
  }

  /** Makes the predicted state right again after a message of the authority. */
  reconcile(lastSeq: Seq, commits: readonly Commit[], outcomes: readonly Outcome[]): ReconcileResult {
    return this.#carryOut(
      next(this.#state, { type: 'batch', lastSeq, commits: this.#withBefore(commits), outcomes }, this.#rows),
    );
  }

  /**
   * Confirmed rows of these tables are now exactly those given; everything pending runs again on top of them. `outcomes`
   * are of calls whose effects the rows contain, `own` their commits as far as they are known.
   */
  replaceRows(
    seq: Seq,
    tables: ReadonlyMap<number, ReadonlyMap<Key, Row>>,
    own: readonly Commit[],
    outcomes: readonly Outcome[],
  ): ReconcileResult {
    const changes: RowChange[] = [];
    // Rows that only a pending delete hides are confirmed rows too, and an own commit's row may be gone again since.
    const pending = [...this.#state.pending].flatMap(({ prediction }) =>
      prediction.type === 'predicted' ? prediction.changes : [],
    );
    const hidden = [...pending, ...own.flatMap((commit) => commit.changes)];
    for (const [tableId, rows] of tables) {
      const { keyOf } = this.#engine.shape(tableId);
      const keys = new Set(this.#engine.rows(tableId).map(keyOf));
      for (const change of hidden) if (change.tableId === tableId) keys.add(change.key);
      for (const [key, after] of rows) changes.push({ tableId, key, before: undefined, after });
      for (const key of keys) if (!rows.has(key)) changes.push({ tableId, key, before: undefined, after: undefined });
    }
    return this.reconcile(seq, [...own, { seq, timestampMicros: 0, ownCallId: undefined, changes }], outcomes);
  }

  /** Everything pending runs again, since its reducers have other code now. */
  rerun(): ReconcileResult {
    const { mode } = this.#state;
    const nothing = { type: 'batch', lastSeq: 0 as Seq, commits: [], outcomes: [] } as const;
    const result = this.#carryOut(next({ ...this.#state, mode: 'all' }, nothing, this.#rows));
    this.#state = { ...this.#state, mode };
    return result;
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
    const calls = pending.after(callId);
    for (const each of calls.toReversed()) {
      this.#carryOutOnRows({ type: 'rollBack', changes: appliedChanges(each) });
      pending.remove(each.call.callId);
    }
    const moved = calls.map(({ call, prediction }) => {
      const renumbered = { ...call, callId: (call.callId + shift) as CallId, idHints: [] };
      const unpredicted =
        prediction.type === 'unpredicted' && prediction.reads === undefined ? prediction.reason : undefined;
      const again = this.predict(renumbered, unpredicted);
      this.#net.addAll(again.changes);
      return again.pending;
    });
    return { moved, changes: this.#net.take((tableId, a, b) => this.#engine.equal(tableId, a, b)) };
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

  #carryOut(step: ReturnType<typeof next>): ReconcileResult {
    const settled: ReconcileResult['settled'][number][] = [];
    const outcomeChanges: ReconcileResult['outcomeChanges'][number][] = [];
    let { state, effects } = step;
    for (;;) {
      let ran: Prediction | undefined;
      for (const effect of effects) {
        if (effect.type === 'settle') settled.push(effect);
        else if (effect.type === 'outcomeChange') outcomeChanges.push(effect);
        else ran = this.#carryOutOnRows(effect) ?? ran;
      }
      if (ran === undefined) break;
      ({ state, effects } = next(state, { type: 'ran', prediction: ran }, this.#rows));
    }
    this.#state = state;
    assert(state.running === undefined, 'a reconcile ends with nothing left to run');
    for (const { asPredicted } of settled) this.counters[asPredicted ? 'confirmed' : 'diverged']++;
    return { changes: this.#net.take((tableId, a, b) => this.#engine.equal(tableId, a, b)), settled, outcomeChanges };
  }

  #carryOutOnRows(effect: Exclude<ReconcileEffect, { type: 'settle' | 'outcomeChange' }>): Prediction | undefined {
    switch (effect.type) {
      case 'rollBack':
        this.counters.rolledBack++;
        this.#engine.rollBack(effect.changes);
        this.#net.addAll(invert(effect.changes));
        return undefined;
      case 'apply':
        this.#net.addAll(this.#engine.apply(effect.changes));
        return undefined;
      case 'run': {
        this.counters.replayed++;
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

  /** Tells each change the row it will replace, as far as the engine knows. */
  #withBefore(commits: readonly Commit[]): Commit[] {
    const latest = new Map<number, Map<Key, Row | undefined>>();
    return commits.map((commit) => ({
      ...commit,
      changes: commit.changes.map((change) => {
        const { tableId, key, after } = change;
        let rows = latest.get(tableId);
        if (rows === undefined) latest.set(tableId, (rows = new Map()));
        const before = rows.has(key) ? rows.get(key) : this.#engine.store(tableId).read(key);
        rows.set(key, after);
        return { tableId, key, before, after };
      }),
    }));
  }
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
