/**
 * Reconciling in slices, against the contract: after every step of it, however small, the app finds the last state it was
 * told of, and its calls are predicted on that; whenever a reconciliation ends, the rows are those of a fresh replica.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IdLeases, leasedColumns } from '../../core/authority/id-lease.ts';
import type { CallId, Outcome, Seq } from '../../core/commit/call.ts';
import type { Commit } from '../../core/commit/commit.ts';
import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { type ArenaCall, arenaCall, definition } from './arena.testing.ts';
import { ClientIds } from './client-ids.ts';
import { Predictor, type ReconcileResult } from './predictor.ts';
import {
  closeStage,
  foreignNo,
  isPublic,
  newCall,
  openStage,
  ownNo,
  publicTables,
  type Stage,
} from './schedule.testing.ts';

type Step =
  | { readonly type: 'call' | 'foreign'; readonly call: ArenaCall }
  | { readonly type: 'answer'; readonly count: number }
  /** What the authority has said arrives, and is begun on when the message before it is done. */
  | { readonly type: 'deliver' }
  /** So many steps of what is under way. */
  | { readonly type: 'slice'; readonly steps: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ type: fc.constant('call' as const), call: arenaCall }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('foreign' as const), call: arenaCall }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('answer' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 5, arbitrary: fc.constant({ type: 'deliver' as const }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('slice' as const), steps: fc.integer({ min: 1, max: 3 }) }) },
);

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => closeStage(stage));

interface Message {
  readonly lastSeq: Seq;
  readonly commits: Commit[];
  readonly outcomes: Outcome[];
}

class Run {
  readonly engine: Engine = stage.selective.engine;
  readonly ids: ClientIds = new ClientIds();
  readonly predictor: Predictor;
  readonly told: Map<string, Row> = new Map();
  readonly confirmed: Map<string, { readonly tableId: number; readonly key: Key; readonly row: Row }> = new Map();
  readonly sent: ReturnType<typeof newCall>[] = [];
  said: Message[] = [];
  arrived: Message[] = [];
  under: Message | undefined;
  callsMeanwhile = 0;
  #callId = 0;
  #seq = 0;
  #micros = 1_000_000;
  #foreignCallId = 0;

  constructor() {
    for (const { engine } of [stage.authority, stage.selective, stage.fresh]) engine.reset();
    const leases = new IdLeases(
      () => {},
      ({ clientId }) => Number(clientId),
    );
    stage.authority.ids.source = leases;
    stage.selective.ids.source = this.ids;
    stage.fresh.ids.source = this.ids;
    this.predictor = new Predictor(this.engine, this.ids);
    for (const { table, column } of leasedColumns(definition)) {
      const lease = leases.lend(table, column, ownNo, 256n);
      if (lease !== undefined) this.ids.lend(table.tableId, column, lease.from, lease.to);
    }
  }

  play(steps: readonly Step[]): void {
    for (const [id, name] of ['ann', 'bob', 'cy', 'dee'].entries())
      this.foreign({ reducer: 'spawn', args: { id, name, team: id % 2, pos: id - 1 } });
    this.drain();
    for (const each of steps) {
      this.step(each);
      this.checkShown();
    }
    for (const call of this.sent.splice(0)) this.answer(call);
    this.drain();
    expect(this.predictor.pending.size).toBe(0);
    for (const tableId of publicTables) sameRows(this.engine.rows(tableId), stage.authority.engine.rows(tableId));
  }

  step(each: Step): void {
    switch (each.type) {
      case 'call':
        return this.call(each.call);
      case 'foreign':
        return this.foreign(each.call);
      case 'answer':
        for (const call of this.sent.splice(0, each.count)) this.answer(call);
        return;
      case 'deliver':
        this.arrived.push(...this.said.splice(0));
        return this.begin();
      case 'slice': {
        let left = each.steps;
        return this.goOn(() => --left > 0);
      }
    }
  }

  call({ reducer, args }: ArenaCall): void {
    const call = newCall({ reducer, args }, ownNo, ++this.#callId, this.#micros++);
    const reason = definition.reducers[call.reducerId]?.predict === false ? 'predict: false' : undefined;
    if (this.predictor.isBusy) this.callsMeanwhile++;
    this.predictor.showing(() => {
      this.tell(this.predictor.predict(call, reason).changes);
      this.checkShown();
    });
    this.sent.push({ ...call, idHints: [...call.idHints] });
  }

  foreign(call: ArenaCall): void {
    this.execute(newCall(call, foreignNo, ++this.#foreignCallId, this.#micros++), undefined);
  }

  answer(call: ReturnType<typeof newCall>): void {
    this.execute(call, call.callId);
  }

  execute(call: ReturnType<typeof newCall>, ownCallId: CallId | undefined): void {
    const execution = stage.authority.engine.execute(call);
    if (execution.type === 'unpredictable') throw new Error('the authority has every table');
    const isCommit = execution.type === 'committed' && execution.changes.length > 0;
    if (isCommit) this.#seq++;
    const seq = this.#seq as Seq;
    const changes = isCommit ? execution.changes.filter(isPublic).map((each) => ({ ...each, before: undefined })) : [];
    const commits = changes.length === 0 ? [] : [{ seq, timestampMicros: call.timestampMicros, ownCallId, changes }];
    const outcomes: Outcome[] = [];
    if (ownCallId !== undefined) {
      if (execution.type === 'rejected')
        outcomes.push({ type: 'rejected', callId: ownCallId, rejection: execution.rejection });
      else
        outcomes.push(
          isCommit ? { type: 'committed', callId: ownCallId, seq } : { type: 'unchanged', callId: ownCallId },
        );
    }
    this.said.push({ lastSeq: seq, commits, outcomes });
  }

  begin(): void {
    if (this.predictor.isBusy) return;
    this.under = this.arrived.shift();
    if (this.under !== undefined) this.predictor.begin(this.under.lastSeq, this.under.commits, this.under.outcomes);
  }

  goOn(hasTime: () => boolean): void {
    if (!this.predictor.isBusy) return;
    const result = this.predictor.goOn(hasTime);
    if (result === undefined) return;
    this.finished(result);
    this.begin();
  }

  finished(result: ReconcileResult): void {
    this.tell(result.changes);
    for (const { changes } of this.under?.commits ?? []) {
      for (const { tableId, key, after } of changes) {
        if (after === undefined) this.confirmed.delete(`${tableId}/${String(key)}`);
        else this.confirmed.set(`${tableId}/${String(key)}`, { tableId, key, row: after });
      }
    }
    this.checkContract();
  }

  drain(): void {
    this.arrived.push(...this.said.splice(0));
    this.begin();
    while (this.predictor.isBusy) this.goOn(() => true);
  }

  tell(changes: readonly RowChange[]): void {
    for (const { tableId, key, before, after } of changes) {
      const name = `${tableId}/${String(key)}`;
      expect(this.told.get(name)).toEqual(before);
      if (after === undefined) this.told.delete(name);
      else this.told.set(name, after);
    }
  }

  /** Whoever looks finds what the app was told. */
  checkShown(): void {
    this.predictor.showing(() => {
      let count = 0;
      for (const tableId of publicTables) {
        const { keyOf, equals } = this.engine.shape(tableId);
        for (const row of this.engine.rows(tableId)) {
          const told = this.told.get(`${tableId}/${String(keyOf(row))}`);
          if (told === undefined || !equals(told, row)) throw new Error(`${tableId}/${String(keyOf(row))} is shown`);
          count++;
        }
      }
      expect(count).toBe(this.told.size);
    });
  }

  /** Rows as confirmed, and every pending call run on them in order. */
  checkContract(): void {
    const { engine } = stage.fresh;
    engine.reset();
    for (const { tableId, key, row } of this.confirmed.values()) engine.set(tableId, key, row);
    for (const { call, prediction } of this.predictor.pending) {
      if (prediction.type === 'unpredicted' && prediction.reads === undefined) continue;
      this.ids.begin();
      engine.execute(call);
    }
    for (const tableId of publicTables) sameRows(this.engine.rows(tableId), engine.rows(tableId));
  }
}

function sameRows(rows: readonly Row[], expected: readonly Row[]): void {
  expect(rows).toEqual(expected);
}

test('[PRE-19] [PRE-1] between two slices the last complete state is found and called on, and at the end the contract holds', () => {
  let callsMeanwhile = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (steps) => {
      const run = new Run();
      run.play(steps);
      callsMeanwhile += run.callsMeanwhile;
    }),
    { numRuns: Number(process.env['FORERUN_RECONCILE_RUNS'] ?? 250), seed: 20_261_125 },
  );
  expect(callsMeanwhile).toBeGreaterThan(100);
}, 3_600_000);
