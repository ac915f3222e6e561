/**
 * `npm run bench -- reconcile`: what a message of the authority costs a client with 1,000 calls pending, beside the same
 * message with none, one run of a call, and one run of all of them.
 */

import { defineModule, Identity, schema, table, t } from 'forerun';
import { type Call, type CallId, clientIdFromBytes, type Seq } from '../core/commit/call.ts';
import type { Commit } from '../core/commit/commit.ts';
import type { Row } from '../core/commit/row-change.ts';
import { Engine } from '../core/engine/engine.ts';
import { ClientIds } from '../worker/predict/client-ids.ts';
import { Predictor } from '../worker/predict/predictor.ts';

const rowCount = 100_000;
const pendingCount = 1_000;
const rounds = 400;

const account = table(
  { name: 'account', public: true },
  { id: t.u32().primaryKey(), balance: t.i64(), note: t.string() },
);
const bank = schema({ account });
const deposit = bank.reducer({ id: t.u32(), amount: t.i64() }, (ctx, { id, amount }) => {
  const row = ctx.db.account.id.find(id);
  if (row !== null) ctx.db.account.id.update({ ...row, balance: row.balance + amount });
});
/** Reads the account that all of them read, and writes its own. */
const depositByRate = bank.reducer({ id: t.u32() }, (ctx, { id }) => {
  const rate = ctx.db.account.id.find(0);
  const row = ctx.db.account.id.find(id);
  if (row !== null && rate !== null) ctx.db.account.id.update({ ...row, balance: row.balance + rate.balance });
});

const definition = defineModule({ default: bank, deposit, depositByRate });
const reducerId = (name: string): number => definition.reducers.findIndex(({ accessor }) => accessor === name);

/** A client with its rows, and its calls of the named reducer pending on the accounts from 1 on. */
async function client(reducer: string, pending: number): Promise<World> {
  const ids = new ClientIds();
  const engine = await Engine.open({ definition, ids, recordReads: true });
  engine.store(0).load(rows());
  const predictor = new Predictor(engine, ids);
  const world = new World(engine, predictor);
  for (let i = 1; i <= pending; i++) world.predict(reducer, i);
  return world;
}

function* rows(): Generator<Row> {
  for (let id = 0; id < rowCount; id++) yield { id, balance: 1_000n, note: `account ${id}` };
}

class World {
  readonly engine: Engine;
  readonly predictor: Predictor;
  #callId = 0;
  #seq = 0;

  constructor(engine: Engine, predictor: Predictor) {
    this.engine = engine;
    this.predictor = predictor;
  }

  call(reducer: string, id: number): Call {
    return {
      clientId: clientIdFromBytes(new Uint8Array(16)),
      callId: ++this.#callId as CallId,
      reducerId: reducerId(reducer),
      args: reducer === 'deposit' ? { id, amount: 1n } : { id },
      timestampMicros: this.#callId,
      sender: Identity.zero(),
      connectionId: null,
      idHints: [],
    };
  }

  predict(reducer: string, id: number): void {
    this.predictor.predict(this.call(reducer, id), undefined);
  }

  /** A commit of somebody else to one account. */
  foreign(id: number, balance: bigint): Commit {
    const seq = ++this.#seq as Seq;
    return {
      seq,
      timestampMicros: 0,
      ownCallId: undefined,
      changes: [{ tableId: 0, key: id, before: undefined, after: { id, balance, note: `account ${id}` } }],
    };
  }

  receive(commit: Commit): void {
    this.predictor.reconcile(commit.seq, [commit], []);
  }

  /** The oldest pending call is confirmed, with what it did here. */
  confirmOldest(): void {
    const [oldest] = this.predictor.pending;
    if (oldest?.prediction.type !== 'predicted') throw new Error('the oldest call is predicted');
    const seq = ++this.#seq as Seq;
    const { callId } = oldest.call;
    // The rows of a message are always other objects than those of the prediction.
    const changes = oldest.prediction.changes.map((change) => ({
      ...change,
      after: change.after === undefined ? undefined : { ...change.after },
    }));
    this.predictor.reconcile(
      seq,
      [{ seq, timestampMicros: 0, ownCallId: callId, changes }],
      [{ type: 'committed', callId, seq }],
    );
  }
}

/** Median microseconds of `act`. */
function medianMicros(count: number, act: (i: number) => void): number {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    act(i);
    times.push((performance.now() - start) * 1000);
  }
  return times.sort((a, b) => a - b)[count >> 1] ?? 0;
}

export async function run(): Promise<void> {
  const [idle, busy, shared] = [
    await client('deposit', 0),
    await client('deposit', pendingCount),
    await client('depositByRate', pendingCount),
  ];
  const unrelatedRow = (i: number): number => pendingCount + 1 + ((i * 7_919) % (rowCount - pendingCount - 1));
  const foreign =
    (world: World, id: (i: number) => number): ((i: number) => void) =>
    (i) =>
      world.receive(world.foreign(id(i), BigInt(i)));
  const runOne =
    (world: World): ((i: number) => void) =>
    (i) => {
      const execution = world.engine.execute(world.call('deposit', unrelatedRow(i)));
      if (execution.type === 'committed') world.engine.rollBack(execution.changes);
    };
  const runAll =
    (world: World): ((i: number) => void) =>
    () => {
      for (const { call } of world.predictor.pending) world.engine.execute(call);
    };

  for (const warm of [true, false]) {
    const idleMicros = medianMicros(rounds, foreign(idle, unrelatedRow));
    const unrelatedMicros = medianMicros(rounds, foreign(busy, unrelatedRow));
    const oneMicros = medianMicros(
      rounds,
      foreign(busy, (i) => 1 + (i % pendingCount)),
    );
    const callMicros = medianMicros(rounds, runOne(idle));
    const allMicros = medianMicros(
      20,
      foreign(shared, () => 0),
    );
    const allCallsMicros = medianMicros(20, runAll(await client('depositByRate', pendingCount)));
    const confirmMicros = medianMicros(rounds, () => busy.confirmOldest());
    for (let i = 0; i < rounds; i++) busy.predict('deposit', 1 + i);
    if (warm) continue;
    console.log(
      `foreign commit        none pending ${fixed(idleMicros)} µs   ${pendingCount} unrelated pending ${fixed(unrelatedMicros)} µs`,
    );
    console.log(`touches one of them   ${fixed(oneMicros)} µs   one call alone ${fixed(callMicros)} µs`);
    console.log(`touches all of them   ${fixed(allMicros)} µs   all calls alone ${fixed(allCallsMicros)} µs`);
    console.log(`confirms one          ${fixed(confirmMicros)} µs`);
    console.log(
      JSON.stringify({
        bench: 'reconcile',
        unrelated_ratio: fixed(unrelatedMicros / idleMicros),
        one_ratio: fixed(oneMicros / callMicros),
        all_ratio: fixed(allMicros / allCallsMicros),
        confirm_us: fixed(confirmMicros),
      }),
    );
  }
}

function fixed(value: number): number {
  return Number(value.toFixed(2));
}
