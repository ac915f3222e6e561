/**
 * `npm run bench -- reconcile`: what a message of the authority costs a client with 1,000 calls pending, beside the same
 * message with none, one call and all calls as the client first ran them: noting what they read and wrote, and putting them
 * among the pending ones. The bare reducer, which notes what it reads and is taken back again, is printed as well.
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
const warmTurns = 2_000;
const turns = 4_000;
/** What touches all calls is long enough to be measured more rarely. */
const turnsPerAll = 20;

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
      proposedMicros: this.#callId,
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

  /** Nothing is pending any more. */
  discardAll(): void {
    this.predictor.discard([...this.predictor.pending].map(({ call }) => call.callId));
  }

  receive(commit: Commit): void {
    this.predictor.reconcile(commit.seq, [commit], []);
  }

  /** What the authority says when the oldest pending call is confirmed, with what it did here. */
  confirmation(): () => void {
    const [oldest] = this.predictor.pending;
    if (oldest?.prediction.type !== 'predicted') throw new Error('the oldest call is predicted');
    const seq = ++this.#seq as Seq;
    const { callId } = oldest.call;
    // The rows of a message are always other objects than those of the prediction.
    const changes = oldest.prediction.changes.map((change) => ({
      ...change,
      after: change.after === undefined ? undefined : { ...change.after },
    }));
    const commit = { seq, timestampMicros: 0, ownCallId: callId, changes };
    return () => void this.predictor.reconcile(seq, [commit], [{ type: 'committed', callId, seq }]);
  }
}

/** What one kind of message costs: its turns are mixed with those of the others, so that all meet the same machine. */
interface Measure {
  readonly name: string;
  /** Prepares a turn, outside of the time. */
  readonly turn: (i: number) => () => void;
  readonly every: number;
  readonly micros: number[];
}

function measure(name: string, turn: Measure['turn'], every = 1): Measure {
  return { name, turn, every, micros: [] };
}

function takeTurns(measures: readonly Measure[], turns: number): void {
  for (let i = 0; i < turns; i++) {
    for (const { turn, every, micros } of measures) {
      if (i % every !== 0) continue;
      const act = turn(i);
      const start = performance.now();
      act();
      micros.push((performance.now() - start) * 1000);
    }
  }
}

function median({ micros }: Measure): number {
  return [...micros].sort((a, b) => a - b)[micros.length >> 1] ?? 0;
}

export async function run(): Promise<void> {
  const idle = await client('deposit', 0);
  const busy = await client('deposit', pendingCount);
  const shared = await client('depositByRate', pendingCount);
  const caller = await client('deposit', 0);
  const sharedCaller = await client('depositByRate', 0);
  let confirmed = 0;
  // Few of them, so that all are in the cache: what is compared is reconciling, not reading rows from SQLite.
  const unrelatedRow = (i: number): number => pendingCount + 1 + (i % 400);
  const foreign =
    (world: World, id: (i: number) => number): Measure['turn'] =>
    (i) => {
      const commit = world.foreign(id(i), BigInt(i));
      return () => world.receive(commit);
    };
  const none = measure('none', foreign(idle, unrelatedRow));
  const unrelated = measure('unrelated', foreign(busy, unrelatedRow));
  const one = measure(
    'one',
    foreign(busy, (i) => 1 + ((i * 7) % pendingCount)),
  );
  const call = measure('call', (i) => {
    caller.discardAll();
    const made = caller.call('deposit', unrelatedRow(i));
    return () => void caller.predictor.predict(made, undefined);
  });
  const bare = measure('bare', (i) => {
    const made = idle.call('deposit', unrelatedRow(i));
    return () => {
      const execution = idle.engine.execute(made);
      if (execution.type === 'committed') idle.engine.rollBack(execution.changes);
    };
  });
  const all = measure(
    'all',
    foreign(shared, () => 0),
    turnsPerAll,
  );
  const calls = measure(
    'calls',
    () => {
      sharedCaller.discardAll();
      const made = Array.from({ length: pendingCount }, (_, i) => sharedCaller.call('depositByRate', i + 1));
      return () => {
        for (const each of made) sharedCaller.predictor.predict(each, undefined);
      };
    },
    turnsPerAll,
  );
  const confirm = measure('confirm', () => {
    // One call is pending on each account: the confirmed one's comes again, as the last.
    if (busy.predictor.pending.size < pendingCount) busy.predict('deposit', confirmed);
    confirmed = (confirmed % pendingCount) + 1;
    return busy.confirmation();
  });
  const measures = [none, unrelated, one, call, bare, all, calls, confirm];
  takeTurns(measures, warmTurns);
  for (const { micros } of measures) micros.length = 0;
  takeTurns(measures, turns);
  const figure = (each: Measure): number => fixed(median(each));
  console.log(
    `foreign commit        none pending ${figure(none)} µs   ${pendingCount} unrelated pending ${figure(unrelated)} µs`,
  );
  console.log(
    `touches one of them   ${figure(one)} µs   one call ${figure(call)} µs   its reducer alone ${figure(bare)} µs`,
  );
  console.log(`touches all of them   ${figure(all)} µs   all calls ${figure(calls)} µs`);
  console.log(`confirms one          ${figure(confirm)} µs`);
  console.log(
    JSON.stringify({
      bench: 'reconcile',
      unrelated_ratio: fixed(median(unrelated) / median(none)),
      one_ratio: fixed(median(one) / median(call)),
      all_ratio: fixed(median(all) / median(calls)),
      one_to_bare: fixed(median(one) / median(bare)),
      confirm_us: figure(confirm),
    }),
  );
}

function fixed(value: number): number {
  return Number(value.toFixed(2));
}
