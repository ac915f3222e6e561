import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { rendered } from '../codec/rendered.testing.ts';
import type { CallId, IdHint, Outcome, Seq } from '../commit/call.ts';
import type { Log, LogBatch } from '../commit/log.ts';
import { quote, storedColumns } from '../engine/ddl.ts';
import { Engine } from '../engine/engine.ts';
import { rowShape } from '../engine/row-shape.ts';
import type { SqlValue } from '../engine/sql-value.ts';
import { defineModule } from '../module/module.ts';
import { type Checkpoint, emptyCheckpoint, recover } from './checkpoint.ts';
import { Clients } from './clients.ts';
import { connectionIdOf, databaseIdentity, Home, identityOf, TestLog, TestTime } from './home.testing.ts';
import { IdLeases } from './id-lease.ts';
import * as ledger from './ledger.testing.ts';
import { readBatch } from './record-reader.ts';

const definition = defineModule(ledger);

type Act =
  | { readonly type: 'call'; readonly client: number; readonly kind: number; readonly hinted: boolean }
  | { readonly type: 'again'; readonly client: number; readonly back: number }
  | { readonly type: 'acknowledge' | 'lend' | 'connect' | 'disconnect'; readonly client: number }
  | { readonly type: 'hold' | 'letGo' | 'break' | 'tick' | 'settle' | 'wait' | 'restart' };

const client = fc.nat(2);
const acts: fc.Arbitrary<readonly Act[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({ type: fc.constant('call' as const), client, kind: fc.nat(6), hinted: fc.boolean() }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('again' as const), client, back: fc.nat(5) }) },
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constantFrom('acknowledge', 'lend', 'connect', 'disconnect'), client }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constantFrom('hold', 'letGo', 'break', 'tick', 'settle', 'settle', 'wait', 'restart'),
      }),
    },
  ),
  { minLength: 5, maxLength: 60 },
);

interface PendingCall {
  readonly callId: number;
  readonly kind: number;
  readonly idHints: IdHint[];
}

/** A client as it should be: it sends its calls in order, and again whenever they may have been lost. */
class ModelClient {
  readonly number: number;
  readonly outcomes = new Map<number, Outcome>();
  readonly made: PendingCall[] = [];
  readonly leases: { from: bigint; to: bigint }[] = [];
  isConnected = false;

  constructor(number: number) {
    this.number = number;
  }

  get pending(): PendingCall[] {
    return this.made.filter(({ callId }) => !this.outcomes.has(callId));
  }

  hear(outcome: Outcome): void {
    const known = this.outcomes.get(outcome.callId);
    if (known !== undefined) expect(outcome).toEqual(known);
    this.outcomes.set(outcome.callId, outcome);
  }

  send(home: Home, { callId, kind, idHints }: PendingCall): void {
    const text = `${this.number}/${callId}`;
    const record = home.client(this.number);
    const [reducer, args] = (
      [
        ['write', { text }],
        ['add', { name: `n${this.number}`, value: 1n }],
        ['refuse', { text }],
        ['nothing', {}],
        ['drop', { name: `n${(this.number + 1) % 3}` }],
        ['hide', { text }],
        ['shine', { text }],
      ] as const
    )[kind] ?? ['crash', {}];
    const answer = home.call(record, callId, reducer, args, { idHints });
    if (answer !== undefined) this.hear(answer);
  }
}

class World {
  readonly time = new TestTime();
  readonly log = new TestLog();
  readonly clients = [1, 2, 3].map((number) => new ModelClient(number));
  home: Home;
  #connections = 0;

  private constructor(home: Home, time: TestTime, log: TestLog) {
    this.home = home;
    this.time = time;
    this.log = log;
    this.#listen();
  }

  static async open(): Promise<World> {
    const [time, log] = [new TestTime(), new TestLog()];
    return new World(await Home.open(ledger, { time, log }), time, log);
  }

  async act(act: Act): Promise<void> {
    switch (act.type) {
      case 'hold':
        this.log.isHeld = true;
        return;
      case 'letGo':
        this.log.isBroken = false;
        this.log.isHeld = false;
        this.log.letGo();
        return;
      case 'break':
        this.log.isBroken = true;
        this.log.letGo();
        return;
      case 'tick':
        this.time.tick();
        return;
      case 'settle':
        return this.time.settle();
      case 'wait':
        return this.time.advance(1_000);
      case 'restart':
        return this.restart();
      default:
        return this.#actOf(act, this.clients[act.client] as ModelClient);
    }
  }

  #actOf(act: Extract<Act, { client: number }>, of: ModelClient): void {
    const { authority } = this.home;
    if (authority.failure !== undefined) return;
    const record = this.home.client(of.number);
    switch (act.type) {
      case 'call': {
        const call = { callId: of.made.length + 1, kind: act.kind, idHints: act.hinted ? hintOf(of) : [] };
        of.made.push(call);
        of.send(this.home, call);
        return;
      }
      case 'again': {
        const call = of.made.at(-1 - act.back);
        const isAcknowledged = call !== undefined && call.callId <= record.settledBefore;
        if (call !== undefined && !isAcknowledged) of.send(this.home, call);
        return;
      }
      case 'acknowledge': {
        const settled = of.pending[0]?.callId ?? of.made.length + 1;
        authority.acknowledge(record, (settled - 1) as CallId);
        return;
      }
      case 'lend': {
        const [table] = definition.tables;
        const lease = table && authority.lend(table, 0, record);
        if (lease !== undefined) of.leases.push({ from: lease.from, to: lease.to });
        return;
      }
      case 'connect':
        this.#connections++;
        authority.connect(connectionIdOf(this.#connections), identityOf(of.number)).catch(() => {});
        return;
      case 'disconnect':
        authority.disconnect(connectionIdOf(Math.max(1, this.#connections)));
        return;
    }
  }

  /** Kill -9, and a start on what is in the log. */
  async restart(): Promise<void> {
    this.home.kill();
    this.log.isHeld = false;
    this.log.isBroken = false;
    this.home = await Home.open(ledger, { time: this.time, log: this.log });
    this.#listen();
    for (const each of this.clients) each.leases.length = 0;
    this.#resend();
  }

  /** Everything works, and everyone has got their answers. */
  async rest(): Promise<void> {
    this.log.isHeld = false;
    this.log.isBroken = false;
    this.log.letGo();
    await this.time.advance(2_000);
    this.#resend();
    await this.time.settle();
  }

  #resend(): void {
    for (const each of this.clients) for (const call of each.pending) each.send(this.home, call);
  }

  #listen(): void {
    const { home } = this;
    home.authority.listen({
      durable: (batch) => {
        const wasFailing = home.authority.failure !== undefined;
        for (const each of this.clients) {
          const record = home.client(each.number);
          for (const outcome of batch.calls.outcomesOf(record)) each.hear(outcome);
        }
        if (wasFailing) home.time.environment.scheduler.soon(() => this.#resend());
      },
      unavailable: () => {},
    });
  }
}

/** As a client predicts: from the lease it was lent last, some of which may be used. */
function hintOf({ leases }: ModelClient): IdHint[] {
  const lease = leases.at(-1);
  if (lease === undefined) return [];
  const first = lease.from;
  lease.from += 2n;
  return [{ tableId: 0, column: 0, first }];
}

const worlds: World[] = [];
afterEach(() => {
  for (const world of worlds.splice(0)) world.home.kill();
});

async function lived(list: readonly Act[]): Promise<World> {
  const world = await World.open();
  worlds.push(world);
  for (const act of list) await world.act(act);
  await world.rest();
  return world;
}

const logOf = (batches: readonly LogBatch[]): Log => ({
  append: () => Promise.reject(new Error('only read')),
  read: async function* (after) {
    yield* batches.filter(({ number }) => number > after);
  },
  extent: () => ({ first: 1, last: batches.length }),
  close: async () => {},
});

interface State {
  readonly text: string;
  readonly checkpoint: Checkpoint;
}

/** What the log gives from a checkpoint on, as text to compare and as a checkpoint itself. */
async function recovered(batches: readonly LogBatch[], from: Checkpoint): Promise<State> {
  const leases = new IdLeases(
    () => {},
    () => 0,
  );
  const clients = new Clients(databaseIdentity);
  const engine = await Engine.open({ definition, ids: leases });
  const { seq, batchNumber, connections } = await recover({
    engine,
    log: logOf(batches),
    clients,
    leases,
    checkpoint: from,
  });
  engine.flush();
  const rows = new Map<string, SqlValue[][]>();
  for (const table of definition.tables) {
    const statement = engine.query(`SELECT ${storedColumns(table).map(quote).join(', ')} FROM ${quote(table.name)}`);
    rows.set(
      table.name,
      statement.all([], () => true),
    );
    statement.free();
  }
  engine.close();
  const checkpoint: Checkpoint = {
    seq,
    batchNumber,
    clients: clients.snapshot(),
    leases: leases.snapshot().sort((a, b) => (rendered(a) < rendered(b) ? -1 : 1)),
    connections: [...connections].sort(([a], [b]) => (a < b ? -1 : 1)),
    rows: (name) => rows.get(name) ?? [],
  };
  return { checkpoint, text: rendered({ ...checkpoint, rows: [...rows] }) };
}

describe('an authority', () => {
  it('[EXO-1] [EXO-2] [AUT-11] runs each call once, in its client’s order, and draws no id twice, whatever fails', async () => {
    let [failures, repeats] = [0, 0];
    await fc.assert(
      fc.asyncProperty(acts, async (list) => {
        const { home, clients, log } = await lived(list);
        failures += list.some(({ type }) => type === 'restart' || type === 'break') ? 1 : 0;
        repeats += list.filter(({ type }) => type === 'again').length;
        const written = home
          .rows('entry')
          .map((row) => String(row['text']))
          .sort();
        expect(written).toEqual(clients.flatMap((each) => done(each, 0)).sort());
        for (const each of clients) {
          expect(each.pending).toEqual([]);
          for (const { callId, kind } of each.made) {
            const expected = kind === 2 ? ['rejected'] : kind === 3 ? ['unchanged'] : ['committed', 'unchanged'];
            expect(expected).toContain(each.outcomes.get(callId)?.type);
          }
        }
        checkLog(log);
        expect(Object.fromEntries(home.rows('total').map((row) => [row['name'], row['value']]))).toEqual({
          started: 1n,
          ...totalsOf(log, clients),
        });
        expect(home.authority.durableSeq).toBe(home.authority.executedSeq);
      }),
      { numRuns: 80 },
    );
    expect(failures).toBeGreaterThan(10);
    expect(repeats).toBeGreaterThan(10);
  });

  it('[AUT-10] after a restart has the state of the log, which is its own state at rest', async () => {
    await fc.assert(
      fc.asyncProperty(acts, async (list) => {
        const world = await lived(list);
        const rows = definition.tables.map(({ accessor }) => world.home.rows(accessor).map(rendered));
        const { clients, connections } = world.home.authority.snapshot();
        const { checkpoint } = await recovered(world.log.batches, emptyCheckpoint);
        expect(checkpoint.seq).toBe(world.home.authority.durableSeq);
        expect(checkpoint.clients.map(({ lastCallId }) => lastCallId)).toEqual(
          clients.map(({ lastCallId }) => lastCallId),
        );
        expect(checkpoint.connections).toEqual(connections);
        const open = await Engine.open({ definition, ids: { next: () => 0n } });
        for (const store of open.stores) store.loadStored(checkpoint.rows(store.shape.table.name));
        expect(open.stores.map(({ shape }) => open.rows(shape.table.tableId).map(rendered))).toEqual(rows);
        open.close();
      }),
      { numRuns: 40 },
    );
  });

  it('[COM-8] recovers the same from a checkpoint at any batch as from the first, also when its rows are newer', async () => {
    await fc.assert(
      fc.asyncProperty(acts, fc.nat(), fc.nat(), async (list, a, b) => {
        const { batches } = (await lived(list)).log;
        const at = a % (batches.length + 1);
        const later = at + (b % (batches.length + 1 - at));
        const whole = await recovered(batches, emptyCheckpoint);
        const { checkpoint } = await recovered(batches.slice(0, at), emptyCheckpoint);
        expect((await recovered(batches, checkpoint)).text).toBe(whole.text);
        const { rows } = (await recovered(batches.slice(0, later), emptyCheckpoint)).checkpoint;
        expect((await recovered(batches, { ...checkpoint, rows })).text).toBe(whole.text);
      }),
      { numRuns: 40 },
    );
  });
});

const done = ({ number, made }: ModelClient, kind: number): string[] =>
  made.filter((call) => call.kind === kind).map(({ callId }) => `${number}/${callId}`);

/** What the calls add up to, taken in the order in which the log has them. */
function totalsOf({ batches }: TestLog, clients: readonly ModelClient[]): Record<string, bigint> {
  const totals: Record<string, bigint> = {};
  const numbers = new Map<number, number>();
  for (const batch of batches) {
    for (const record of readBatch(batch, shapesOf())) {
      if (record.type === 'client') numbers.set(record.clientNo, record.clientId[0] ?? 0);
      if (record.type !== 'commit') continue;
      const number = numbers.get(record.clientNo) ?? 0;
      const call = clients.find((each) => each.number === number)?.made[record.callId - 1];
      if (call?.kind === 1) totals[`n${number}`] = (totals[`n${number}`] ?? 0n) + 1n;
      if (call?.kind === 4) delete totals[`n${(number + 1) % 3}`];
    }
  }
  return totals;
}

/** Numbers without holes, calls in order, leases that share no value and stand before the rows that use them. */
function checkLog({ batches }: TestLog): void {
  const shapes = new Map(definition.tables.map((table) => [table.tableId, table]));
  const last = new Map<number, number>();
  const leases: { from: bigint; to: bigint; column: string }[] = [];
  let seq = 0;
  const engine = shapesOf();
  for (const batch of batches) {
    expect(batch.firstSeq).toBe(seq + 1);
    for (const record of readBatch(batch, engine)) {
      if (record.type === 'lease') {
        const column = `${record.tableId}.${record.column}`;
        for (const lease of leases.filter((each) => each.column === column && each.to > each.from)) {
          const isSame = lease.from === record.from && lease.to === record.to;
          expect(isSame || record.from >= lease.to || record.to <= lease.from).toBe(true);
        }
        leases.push({ column, from: record.from, to: record.to });
      }
      if (record.type === 'commit' || record.type === 'unchanged' || record.type === 'rejected') {
        expect(record.callId).toBeGreaterThan(last.get(record.clientNo) ?? 0);
        last.set(record.clientNo, record.callId);
      }
      if (record.type !== 'commit') continue;
      expect(record.seq).toBe(++seq as Seq);
      for (const { tableId, after } of record.changes) {
        const column = shapes.get(tableId)?.columns.findIndex(({ autoInc }) => autoInc) ?? -1;
        if (column < 0 || after === undefined) continue;
        const id = BigInt(after['id'] as bigint);
        expect(leases.some((each) => each.column === `${tableId}.${column}` && id >= each.from && id < each.to)).toBe(
          true,
        );
      }
    }
  }
}

function shapesOf() {
  const shapes = definition.tables.map(rowShape);
  return (tableId: number) => {
    const shape = shapes[tableId];
    if (shape === undefined) throw new Error(`there is no table ${tableId}`);
    return shape;
  };
}
