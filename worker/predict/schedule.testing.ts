/**
 * One random schedule of calls, commits and messages, lived through by two clients at once (selective replay and replay
 * of everything) and checked after each step against the contract, taken literally: rows as confirmed, and every pending
 * call run on them in order by an engine that knows nothing else.
 */

import fc from 'fast-check';
import type { Call, CallId, ClientId, Outcome, Seq } from '../../core/commit/call.ts';
import type { Commit } from '../../core/commit/commit.ts';
import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
import { IdLeases, leasedColumns } from '../../core/authority/id-lease.ts';
import { Engine, type IdSource } from '../../core/engine/engine.ts';
import { Identity } from '../../core/value/identity.ts';
import { type ArenaCall, arenaCall, definition, queries } from './arena.testing.ts';
import { ClientIds } from './client-ids.ts';
import { type Emission, LivePage } from './live-page.testing.ts';
import { appliedChanges, type PendingCall, type Prediction } from './pending.ts';
import { Predictor, type ReconcileResult } from './predictor.ts';

export type Step =
  | { readonly type: 'call' | 'foreign'; readonly call: ArenaCall }
  /** The authority comes to the next calls of ours, and treats them so. */
  | { readonly type: 'answer'; readonly count: number; readonly as: 'called' | 'refused' | 'late' | 'unhinted' }
  /** What the authority has said so far arrives as one message; in part, when it says more than `entriesMax` things. */
  | { readonly type: 'deliver'; readonly entriesMax: number }
  | { readonly type: 'snapshot' }
  | { readonly type: 'lend' };

export interface Schedule {
  /** There are units and leases before the first step. */
  readonly settled: boolean;
  /** The apps have live queries open, and what these tell is compared. */
  readonly watches: boolean;
  readonly steps: readonly Step[];
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 16, arbitrary: fc.record({ type: fc.constant('call' as const), call: arenaCall }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('foreign' as const), call: arenaCall }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('answer' as const),
      count: fc.integer({ min: 1, max: 4 }),
      as: fc.constantFrom('called', 'called', 'called', 'refused', 'late', 'unhinted'),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({ type: fc.constant('deliver' as const), entriesMax: fc.constantFrom(1, 2, 5, 100) }),
  },
  { weight: 2, arbitrary: fc.constantFrom({ type: 'snapshot' as const }, { type: 'lend' as const }) },
);

export const schedule: fc.Arbitrary<Schedule> = fc.record({
  settled: fc.boolean(),
  // Of a few only: queries of any SQL take longer than all the rest.
  watches: fc.nat({ max: 15 }).map((n) => n === 7),
  steps: fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
});

export const ownNo = 1;
export const foreignNo = 2;
const clientIdOf = (clientNo: number): ClientId => `${clientNo}`.padStart(32, '0') as ClientId;
export const publicTables = definition.tables.filter((table) => table.public).map(({ tableId }) => tableId);
export const isPublic = ({ tableId }: { tableId: number }): boolean => publicTables.includes(tableId);

export function newCall({ reducer, args }: ArenaCall, clientNo: number, callId: number, timestampMicros: number): Call {
  return {
    clientId: clientIdOf(clientNo),
    callId: callId as CallId,
    reducerId: definition.reducers.findIndex(({ accessor }) => accessor === reducer),
    args,
    timestampMicros,
    proposedMicros: timestampMicros,
    sender: new Identity(BigInt(clientNo)),
    connectionId: null,
    idHints: [],
  };
}

/** The ids of the run at hand; engines live longer than runs. */
interface Exchange extends IdSource {
  source: IdSource;
}

const exchange = (): Exchange => {
  const holder: Exchange = {
    source: { next: () => 0n },
    next: (table, column, call) => holder.source.next(table, column, call),
  };
  return holder;
};

interface StagedReplica {
  readonly engine: Engine;
  readonly ids: Exchange;
  readonly page: LivePage;
}

async function openReplica(): Promise<StagedReplica> {
  const ids = exchange();
  const replicates = (table: { readonly public: boolean }): boolean => table.public;
  const engine = await Engine.open({ definition, ids, recordReads: true, replicates });
  return { ids, engine, page: new LivePage(engine) };
}

/** Engines, opened once and emptied for each schedule. */
export interface Stage {
  readonly authority: { readonly engine: Engine; readonly ids: Exchange };
  readonly selective: StagedReplica;
  readonly all: StagedReplica;
  readonly fresh: StagedReplica;
}

export async function openStage(): Promise<Stage> {
  const ids = exchange();
  return {
    authority: { ids, engine: await Engine.open({ definition, ids, secret: 'ab'.repeat(16) }) },
    selective: await openReplica(),
    all: await openReplica(),
    fresh: await openReplica(),
  };
}

export function closeStage({ authority, selective, all, fresh }: Stage): void {
  for (const { page } of [selective, all, fresh]) page.close();
  for (const { engine } of [authority, selective, all, fresh]) engine.close();
}

/** A client in one of the modes, and what its app has been told. */
class Side {
  readonly engine: Engine;
  readonly ids: ClientIds = new ClientIds();
  readonly predictor: Predictor;
  /** Rows as an app holds them that only ever sees the changes. */
  readonly told: Map<string, Row> = new Map();
  /** Undefined: the app has no live queries. */
  page: LivePage | undefined;

  constructor({ engine, ids }: Stage['all'], mode: 'selective' | 'all') {
    engine.reset();
    ids.source = this.ids;
    this.engine = engine;
    this.predictor = new Predictor(engine, this.ids, mode);
  }

  /** Gives what live queries told of it. */
  tell(changes: readonly RowChange[]): readonly Emission[] {
    const keys = new Set<string>();
    for (const { tableId, key, before, after } of changes) {
      const name = `${tableId}/${String(key)}`;
      check(!keys.has(name), `one change of ${name} in a step`);
      keys.add(name);
      const known = this.told.get(name);
      check(sameRow(this.engine, tableId, known, before), `the change of ${name} starts from the row that was there`);
      check(!sameRow(this.engine, tableId, before, after), `the change of ${name} changes something`);
      if (after === undefined) this.told.delete(name);
      else this.told.set(name, after);
    }
    return this.page?.step(changes) ?? [];
  }
}

/** What happened in runs, so that a campaign can show that it tried something. */
export interface Tally {
  replayed: number;
  kept: number;
  rolledBack: number;
  diverged: number;
  confirmed: number;
  outcomeChanges: number;
  unpredicted: number;
  snapshots: number;
  /** Changes of live queries' results. */
  emissions: number;
}

export class Run {
  readonly #stage: Stage;
  readonly #tally: Tally;
  readonly #selective: Side;
  readonly #all: Side;
  readonly #leases: IdLeases;
  /** Rows as of what was delivered. */
  #confirmed = new Map<number, Map<Key, Row>>();
  readonly #sent: Call[] = [];
  #said: { readonly seq: Seq; readonly commit: Commit | undefined; readonly outcome: Outcome | undefined }[] = [];
  #callId = 0;
  #seq = 0;
  #micros = 1_000_000;
  #foreignCallId = 0;

  constructor(stage: Stage, tally: Tally) {
    this.#stage = stage;
    this.#tally = tally;
    stage.authority.engine.reset();
    this.#leases = new IdLeases(
      () => {},
      ({ clientId }) => Number(clientId),
    );
    stage.authority.ids.source = this.#leases;
    this.#selective = new Side(stage.selective, 'selective');
    this.#all = new Side(stage.all, 'all');
    for (const tableId of publicTables) this.#confirmed.set(tableId, new Map());
  }

  play({ settled, watches, steps }: Schedule): void {
    if (watches) this.#watch();
    if (settled) this.#settle();
    for (const step of steps) {
      this.#step(step);
      this.#check();
    }
    this.#finish();
  }

  #watch(): void {
    for (const [side, { page }] of [
      [this.#selective, this.#stage.selective],
      [this.#all, this.#stage.all],
    ] as const) {
      page.begin();
      side.page = page;
    }
  }

  #settle(): void {
    this.#lend();
    for (const [id, name] of ['ann', 'bob', 'cy', 'dee'].entries())
      this.#foreign({ reducer: 'spawn', args: { id, name, team: id % 2, pos: id - 1 } });
    for (const owner of [0, 1]) this.#foreign({ reducer: 'drop', args: { owner, count: 1 } });
    this.#deliver(Number.POSITIVE_INFINITY);
  }

  #step(step: Step): void {
    switch (step.type) {
      case 'call':
        this.#call(step.call);
        break;
      case 'foreign':
        this.#foreign(step.call);
        break;
      case 'answer':
        for (const call of this.#sent.splice(0, step.count)) this.#answer(call, step.as);
        break;
      case 'deliver':
        this.#deliver(step.entriesMax);
        break;
      case 'snapshot':
        this.#snapshot();
        break;
      case 'lend':
        this.#lend();
        break;
    }
  }

  /** The authority answers everything; nothing is pending then. */
  #finish(): void {
    for (const call of this.#sent.splice(0)) this.#answer(call, 'called');
    this.#deliver(Number.POSITIVE_INFINITY);
    this.#check();
    for (const { predictor } of [this.#selective, this.#all]) check(predictor.pending.size === 0, 'nothing is pending');
    for (const tableId of publicTables)
      sameTable(this.#selective.engine, tableId, this.#stage.authority.engine.rows(tableId), 'the authority');
    this.#tally.replayed += this.#selective.predictor.counters.replayed;
    this.#tally.kept += this.#all.predictor.counters.replayed - this.#selective.predictor.counters.replayed;
    this.#tally.rolledBack += this.#selective.predictor.counters.rolledBack;
    this.#tally.diverged += this.#selective.predictor.counters.diverged;
    this.#tally.confirmed += this.#selective.predictor.counters.confirmed;
  }

  #call(call: ArenaCall): void {
    const template = newCall(call, ownNo, ++this.#callId, this.#micros++);
    const reason = definition.reducers[template.reducerId]?.predict === false ? 'predict: false' : undefined;
    const emissions: (readonly Emission[])[] = [];
    const [selective, all] = [this.#selective, this.#all].map((side) => {
      const { pending, changes } = side.predictor.predict({ ...template, idHints: [] }, reason);
      emissions.push(side.tell(changes));
      return pending;
    }) as [PendingCall, PendingCall];
    this.#compareEmissions(emissions);
    if (selective.prediction.type === 'unpredicted') this.#tally.unpredicted++;
    check(sameHints(selective, all), 'both modes draw the same ids');
    this.#sent.push({ ...template, idHints: [...selective.call.idHints] });
  }

  #foreign(call: ArenaCall): void {
    this.#execute(newCall(call, foreignNo, ++this.#foreignCallId, this.#micros++), undefined);
  }

  #answer(call: Call, as: Extract<Step, { type: 'answer' }>['as']): void {
    if (as === 'refused') {
      const rejection = { code: 'call-rejected', message: 'refused' } as const;
      this.#said.push({
        seq: this.#seq as Seq,
        commit: undefined,
        outcome: { type: 'rejected', callId: call.callId, rejection },
      });
    } else if (as === 'late') this.#execute({ ...call, timestampMicros: this.#micros++ }, call.callId);
    else this.#execute(as === 'unhinted' ? { ...call, idHints: [] } : call, call.callId);
  }

  #execute(call: Call, ownCallId: CallId | undefined): void {
    const execution = this.#stage.authority.engine.execute(call);
    if (execution.type === 'unpredictable') throw new Error('the authority has every table');
    if (execution.type === 'rejected' || execution.changes.length === 0) {
      if (ownCallId === undefined) return;
      const outcome: Outcome =
        execution.type === 'committed'
          ? { type: 'unchanged', callId: ownCallId }
          : { type: 'rejected', callId: ownCallId, rejection: execution.rejection };
      this.#said.push({ seq: this.#seq as Seq, commit: undefined, outcome });
      return;
    }
    const seq = ++this.#seq as Seq;
    const changes = execution.changes.filter(isPublic).map((change) => ({ ...change, before: undefined }));
    this.#said.push({
      seq,
      commit: changes.length === 0 ? undefined : { seq, timestampMicros: call.timestampMicros, ownCallId, changes },
      outcome: ownCallId === undefined ? undefined : { type: 'committed', callId: ownCallId, seq },
    });
  }

  #deliver(entriesMax: number): void {
    const entries = this.#said.splice(0, entriesMax);
    const last = entries.at(-1);
    if (last === undefined) return;
    const commits = entries.flatMap(({ commit }) => commit ?? []);
    const outcomes = entries.flatMap(({ outcome }) => outcome ?? []);
    for (const { changes } of commits) this.#confirm(changes);
    this.#tell(({ predictor }) => predictor.reconcile(last.seq, commits, outcomes));
  }

  #snapshot(): void {
    this.#tally.snapshots++;
    const entries = this.#said.splice(0);
    const commits = entries.flatMap(({ commit }) => (commit?.ownCallId === undefined ? [] : [commit]));
    const outcomes = entries.flatMap(({ outcome }) => outcome ?? []);
    const { engine } = this.#stage.authority;
    const rowsOf = (tableId: number): Map<Key, Row> =>
      new Map(engine.rows(tableId).map((row) => [engine.shape(tableId).keyOf(row), row]));
    this.#confirmed = new Map(publicTables.map((tableId) => [tableId, rowsOf(tableId)]));
    this.#tell(({ predictor }) => {
      predictor.beginReplacing(this.#seq as Seq, this.#confirmed, commits, outcomes);
      const result = predictor.goOn(() => true);
      if (result === undefined) throw new Error('with time enough it comes to an end');
      return result;
    });
  }

  #lend(): void {
    for (const { table, column } of leasedColumns(definition)) {
      const lease = this.#leases.lend(table, column, ownNo, 256n);
      if (lease === undefined) continue;
      for (const { ids } of [this.#selective, this.#all]) ids.lend(table.tableId, column, lease.from, lease.to);
    }
  }

  #confirm(changes: readonly RowChange[]): void {
    for (const { tableId, key, after } of changes) {
      if (after === undefined) this.#confirmed.get(tableId)?.delete(key);
      else this.#confirmed.get(tableId)?.set(key, after);
    }
  }

  /** Both modes hear the same, and tell their apps the same. */
  #tell(hear: (side: Side) => ReconcileResult): void {
    const emissions: (readonly Emission[])[] = [];
    const [selective, all] = [this.#selective, this.#all].map((side) => {
      const before = new Map(
        [...side.predictor.pending].map(({ call, prediction }) => [call, shownPrediction(prediction)]),
      );
      const result = hear(side);
      emissions.push(side.tell(result.changes));
      checkToldOutcomes(before, side.predictor.pending, result);
      return result;
    }) as [ReconcileResult, ReconcileResult];
    this.#compareEmissions(emissions);
    this.#tally.outcomeChanges += selective.outcomeChanges.length;
    const shown = ({ settled, outcomeChanges }: ReconcileResult): string =>
      JSON.stringify([
        settled.map(({ pending, outcome, asPredicted }) => [pending.call.callId, outcome, asPredicted]),
        outcomeChanges.map(({ pending, from, to }) => [pending.call.callId, from.type, to.type]),
      ]);
    check(shown(selective) === shown(all), `both modes tell the same: ${shown(selective)} and ${shown(all)}`);
  }

  /** What live queries told of a step is the same in both modes, whatever was rolled back for it. */
  #compareEmissions([selective = [], all = []]: readonly (readonly Emission[])[]): void {
    this.#tally.emissions += selective.length;
    const [one, other] = [selective, all].map((each) => shownRows(each.toSorted((a, b) => a.queryId - b.queryId)));
    check(one === other, `live queries tell the same in both modes: ${one} and ${other}`);
  }

  #check(): void {
    const expected = this.#freshPredictions();
    const { engine } = this.#stage.fresh;
    for (const side of [this.#selective, this.#all]) {
      const mode = side === this.#all ? 'all' : 'selective';
      let rowCount = 0;
      for (const tableId of publicTables) {
        const rows = side.engine.rows(tableId);
        sameTable(engine, tableId, rows, `mode ${mode}`);
        for (const row of rows) {
          const told = side.told.get(`${tableId}/${String(engine.shape(tableId).keyOf(row))}`);
          check(sameRow(engine, tableId, told, row), `the app of mode ${mode} knows each row`);
        }
        rowCount += rows.length;
      }
      check(side.told.size === rowCount, `the app of mode ${mode} knows no other rows`);
      const wrong = side.page?.wrong(engine, this.#micros);
      check(wrong === undefined, `live queries of mode ${mode} show the predicted state: ${wrong}`);
      const pending = [...side.predictor.pending];
      check(pending.length === expected.length, 'both modes have the same calls pending');
      for (const [i, prediction] of expected.entries())
        check(samePrediction(engine, pending[i]?.prediction, prediction), `mode ${mode} predicts pending call ${i} so`);
    }
    if (this.#micros % 4 === 0) this.#checkSql();
    this.#checkRollBack();
  }

  #checkSql(): void {
    const sql = queries[this.#callId % queries.length] as string;
    const { fresh, selective, all } = this.#stage;
    const answers = [fresh, selective, all].map(({ engine }) => shownRows(engine.select(sql).rows));
    check(
      answers.every((answer) => answer === answers[0]),
      `SQL gives the same everywhere: ${answers.join(' | ')}`,
    );
  }

  /** Taking all pending calls back leaves the confirmed rows; then they are put in again as they were. */
  #checkRollBack(): void {
    const { engine, predictor } = this.#selective;
    const changes = [...predictor.pending].flatMap((pending) => [...appliedChanges(pending)]);
    engine.rollBack(changes);
    for (const [tableId, rows] of this.#confirmed) {
      check(engine.store(tableId).count === rows.size, 'as many rows as confirmed under the pending calls');
      for (const [key, row] of rows)
        check(sameRow(engine, tableId, engine.store(tableId).read(key), row), `the confirmed row ${String(key)}`);
    }
    for (const { tableId, key, after } of changes) engine.store(tableId).write(key, after);
  }

  /** Rows as confirmed, then every pending call in order. */
  #freshPredictions(): Prediction[] {
    const { engine, ids } = this.#stage.fresh;
    ids.source = this.#all.ids;
    engine.reset();
    for (const [tableId, rows] of this.#confirmed) for (const [key, row] of rows) engine.store(tableId).write(key, row);
    return [...this.#all.predictor.pending].map(({ call, prediction }): Prediction => {
      if (prediction.type === 'unpredicted' && prediction.reads === undefined) return prediction;
      this.#all.ids.begin();
      const execution = engine.execute(call);
      if (execution.type === 'unpredictable')
        return { type: 'unpredicted', reason: execution.reason, reads: undefined };
      if (execution.reads === undefined) throw new Error('reads are recorded');
      return execution.type === 'committed'
        ? { type: 'predicted', changes: execution.changes, reads: execution.reads }
        : { type: 'failing', rejection: execution.rejection, reads: execution.reads };
    });
  }
}

/** Told are those that do something else than before the message, and no others. */
function checkToldOutcomes(
  before: ReadonlyMap<Call, string>,
  pending: Iterable<PendingCall>,
  { outcomeChanges }: ReconcileResult,
): void {
  const changed = [...pending].filter(({ call, prediction }) => before.get(call) !== shownPrediction(prediction));
  const told = outcomeChanges.map(({ pending: { callId } }) => callId);
  check(
    shownRows(told) === shownRows(changed.map(({ callId }) => callId)),
    `the app is told of each outcome that changed, and of no other: ${shownRows(told)}`,
  );
  for (const {
    pending: { call, prediction },
    from,
    to,
  } of outcomeChanges)
    check(before.get(call) === shownPrediction(from) && to === prediction, 'of what it was, and of what it is');
}

function check(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new Error(`broken: ${claim}`);
}

function sameHints(a: PendingCall, b: PendingCall): boolean {
  return shownRows([a.call.idHints]) === shownRows([b.call.idHints]);
}

function sameRow(engine: Engine, tableId: number, a: Row | undefined, b: Row | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && engine.equal(tableId, a, b));
}

function sameTable(engine: Engine, tableId: number, rows: readonly Row[], whose: string): void {
  const expected = engine.rows(tableId);
  if (rows.length === expected.length && rows.every((row, i) => sameRow(engine, tableId, row, expected[i]))) return;
  const { name } = engine.shape(tableId).table;
  check(false, `the rows of ${name} in ${whose}: ${shownRows(rows)}, expected ${shownRows(expected)}`);
}

function samePrediction(engine: Engine, a: Prediction | undefined, b: Prediction): boolean {
  if (a?.type !== b.type) return false;
  if (a.type === 'failing' && b.type === 'failing') return a.rejection.message === b.rejection.message;
  if (a.type !== 'predicted' || b.type !== 'predicted') return true;
  const { changes } = b;
  return (
    a.changes.length === changes.length &&
    a.changes.every(({ tableId, key, before, after }, i) => {
      const other = changes[i] as RowChange;
      const isSameKey = other.tableId === tableId && other.key === key;
      return (
        isSameKey && sameRow(engine, tableId, before, other.before) && sameRow(engine, tableId, after, other.after)
      );
    })
  );
}

/** What it leaves: the rows that it writes in the order of their keys, or why it fails. */
function shownPrediction(prediction: Prediction): string {
  if (prediction.type !== 'predicted')
    return shownRows([prediction.type, prediction.type === 'failing' && prediction.rejection]);
  return prediction.changes
    .map(({ tableId, key, after }) => shownRows([tableId, key, after]))
    .sort()
    .join();
}

function shownRows(rows: readonly unknown[]): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}
