import { afterEach, describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../codec/bytes.ts';
import { type CallId, databaseClientId } from '../commit/call.ts';
import { ForerunError, SenderError } from '../errors.ts';
import { t } from '../module/column.ts';
import type { ReducerCtx } from '../module/context.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { Identity } from '../value/identity.ts';
import { Uuid } from '../value/uuid.ts';
import type { EngineOptions } from './engine.ts';
import { Bench, openModule, type TestCaller } from './engine.testing.ts';

const item = table({ public: true }, { id: t.u32().primaryKey(), n: t.u32() });
const secret = table({}, { id: t.u32().primaryKey() });
const tables = { item, secret } as const;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function open(options: Partial<EngineOptions> = {}): Promise<Bench<typeof tables>> {
  const bench = await Bench.open(tables, options);
  closing.push(() => bench.engine.close());
  return bench;
}

async function openGame(
  exports: Parameters<typeof openModule>[0],
  options?: Partial<EngineOptions>,
): Promise<TestCaller> {
  const caller = await openModule(exports, options);
  closing.push(() => caller.engine.close());
  return caller;
}

describe('what a reducer throws', () => {
  it('is a bug of the reducer, and rolled back, also when looking at it throws', async () => {
    const bench = await open();
    const fail = (): never => {
      throw new Error('looked at');
    };
    const hostile = new SenderError('x');
    Object.defineProperty(hostile, 'message', { get: fail });
    const proxies = [{ has: fail }, { getPrototypeOf: fail }, { get: fail }].map((handler) => new Proxy({}, handler));
    for (const thrown of [hostile, ...proxies, null, undefined, Symbol('x'), Object.create(null)]) {
      const execution = bench.execute(({ db }) => {
        db.item.insert({ id: 1, n: 1 });
        throw thrown;
      });
      expect(execution).toMatchObject({ type: 'rejected', rejection: { code: 'reducer-threw' } });
      expect(bench.engine.rows(0)).toEqual([]);
    }
  });
});

describe('a reducer that needs rows which this replica does not have', () => {
  const replica: Partial<EngineOptions> = { replicates: (each) => each.public, recordReads: true };

  it('[ENG-17] is unpredictable, whatever it does with the table, and leaves no trace', async () => {
    const bench = await open(replica);
    const uses: ((ctx: ReducerCtx<typeof tables>) => unknown)[] = [
      ({ db }) => db.secret.insert({ id: 1 }),
      ({ db }) => db.secret.id.find(1),
      ({ db }) => db.secret.id.delete(1),
      ({ db }) => db.secret.id.update({ id: 1 }),
      ({ db }) => db.secret.delete({ id: 1 }),
      ({ db }) => db.secret.count(),
      ({ db }) => db.secret.clear(),
      ({ db }) => db.secret.iter(),
      ({ db }) => [...db.secret],
    ];
    for (const use of uses) {
      const execution = bench.execute((ctx) => {
        ctx.db.item.insert({ id: 1, n: 1 });
        use(ctx);
      });
      expect(execution).toMatchObject({ type: 'unpredictable', reason: expect.stringMatching(/'secret'/) });
      expect(execution.reads?.pointKeys).toEqual([1]);
      expect(bench.engine.rows(0)).toEqual([]);
    }
  });

  it('[ENG-17] stays unpredictable when it catches the error, goes on, and succeeds or fails', async () => {
    const bench = await open(replica);
    for (const after of [() => {}, () => Promise.reject(new SenderError('no')), fail]) {
      const execution = bench.execute(((ctx: ReducerCtx<typeof tables>) => {
        try {
          ctx.db.secret.id.find(1);
        } catch {
          ctx.db.item.insert({ id: 1, n: 1 });
        }
        return after();
      }) as never);
      expect(execution.type).toBe('unpredictable');
      expect(bench.engine.rows(0)).toEqual([]);
    }
    expect(bench.execute(({ db }) => db.item.insert({ id: 2, n: 2 }))).toMatchObject({ type: 'committed' });
  });

  function fail(): never {
    throw new SenderError('failed after all');
  }
});

describe('a reducer called by another', () => {
  const game = schema(tables);
  const inner = game.reducer({ id: t.u32(), fail: t.bool() }, (ctx, { id, fail }) => {
    ctx.db.item.insert({ id, n: 1 });
    if (fail) throw new SenderError(`not ${id}`);
  });
  const outer = game.reducer({ catches: t.bool() }, (ctx, { catches }) => {
    inner(ctx, { id: 1, fail: false });
    try {
      inner(ctx, { id: 2, fail: true });
    } catch (error) {
      if (!catches) throw error;
    }
  });

  it('[MOD-5] runs in the same transaction: what it threw takes both back, what is caught takes back nothing', async () => {
    const caller = await openGame({ default: game, inner, outer });
    expect(caller.call('outer', { args: { catches: false } })).toMatchObject({
      rejection: { code: 'call-rejected', message: 'not 2' },
    });
    expect(caller.engine.rows(0)).toEqual([]);
    expect(caller.call('outer', { args: { catches: true } })).toMatchObject({ type: 'committed' });
    expect(caller.engine.rows(0).map((row) => row['id'])).toEqual([1, 2]);
  });
});

describe('ctx', () => {
  it('[ENG-15] can not be used for rows once its reducer has returned', async () => {
    const bench = await open();
    const kept: ReducerCtx<typeof tables>[] = [];
    let rows: Iterator<unknown> | undefined;
    bench.run((ctx) => {
      ctx.db.item.insert({ id: 1, n: 1 });
      rows = ctx.db.item.iter();
      kept.push(ctx);
    });
    const [ctx] = kept;
    const late = expect.objectContaining({ code: 'reducer-async', message: expect.stringMatching(/do not keep it/) });
    expect(() => ctx?.db.item.insert({ id: 2, n: 2 })).toThrow(late);
    expect(() => ctx?.db.item.id.find(1)).toThrow(late);
    expect(() => ctx?.db.item.count()).toThrow(late);
    // What it had asked for before is its own.
    expect(rows?.next().value).toEqual({ id: 1, n: 1 });
    expect(bench.engine.rows(0)).toHaveLength(1);
  });

  it('tells who calls, when, and as whom', async () => {
    const bench = await open({ databaseIdentity: new Identity(99n) });
    bench.run(
      (ctx) => {
        expect(ctx.sender).toEqual(new Identity(5n));
        expect(ctx.timestamp.microsSinceUnixEpoch).toBe(1_234n);
        expect([ctx.databaseIdentity, ctx.identity]).toEqual([new Identity(99n), new Identity(99n)]);
        expect(ctx.connectionId).toBeNull();
        expect(ctx.as).toEqual({});
        expect(ctx.random).toBe(ctx.random);
      },
      { sender: new Identity(5n), timestampMicros: 1_234 },
    );
  });

  it('[DET-2] gives the same numbers to the same call, and others to another', async () => {
    const draw = async (fields: object, options?: Partial<EngineOptions>) => {
      const bench = await open(options);
      const numbers: unknown[] = [];
      bench.run((ctx) => void numbers.push(ctx.random(), `${ctx.newUuidV4()}`, `${ctx.newUuidV7()}`), fields);
      return numbers;
    };
    const first = await draw({ callId: 1 });
    expect(await draw({ callId: 1 })).toEqual(first);
    expect(await draw({ callId: 2 })).not.toEqual(first);
    // The time that the authority gives it makes no difference: a prediction has another one.
    expect(
      await draw({ callId: 1, timestampMicros: 1_700_000_000_000_001, proposedMicros: 1_700_000_000_000_000 }),
    ).toEqual(first);
    // The client's own is in the uuids of version 7, and in nothing else.
    const later = await draw({ callId: 1, proposedMicros: 1_700_000_001_000_000 });
    expect([later[0], later[1]]).toEqual([first[0], first[1]]);
    expect(String(later[2]).slice(14)).toBe(String(first[2]).slice(14));
    expect(Uuid.parse(String(later[2])).compareTo(Uuid.parse(String(first[2])))).toBe(1);
    // A predictable reducer knows nothing of the secret.
    expect(await draw({ callId: 1 }, { secret: 'ab'.repeat(16) })).toEqual(first);
  });

  it('[DET-2] [DET-3] draws others in each call of the database, also when the last one left its number to the next', async () => {
    const bench = await open({ secret: 'ab'.repeat(16) });
    const draw = (timestampMicros: number): unknown => {
      let drawn: unknown;
      bench.run((ctx) => void (drawn = ctx.random()), { callId: 1, clientId: databaseClientId, timestampMicros });
      return drawn;
    };
    expect(new Set([draw(1), draw(2), draw(3)]).size).toBe(3);
  });

  it('[DET-3] draws from the secret, too, where a reducer says predict: false', async () => {
    const drawn: number[] = [];
    const game = schema(tables);
    const roll = game.reducer({ predict: false }, {}, (ctx) => void drawn.push(ctx.random()));
    for (const secret of ['', 'ab'.repeat(16), 'cd'.repeat(16), 'ab'.repeat(16)]) {
      (await openGame({ default: game, roll }, { secret })).call('roll', { callId: 1 });
    }
    const [none, one, other, again] = drawn;
    expect(again).toBe(one);
    expect(new Set([none, one, other]).size).toBe(3);
  });
});

describe('a rejection', () => {
  it('follows from a returned {tag: err}, as from a SenderError', async () => {
    const bench = await open();
    const returned = bench.execute(((ctx: ReducerCtx<typeof tables>) => {
      ctx.db.item.insert({ id: 1, n: 1 });
      return { tag: 'err', value: 'no room' };
    }) as never);
    expect(returned).toMatchObject({ type: 'rejected', rejection: { code: 'call-rejected', message: 'no room' } });
    expect(bench.engine.rows(0)).toEqual([]);
    for (const value of [{ tag: 'ok', value: 1 }, 'err', null, undefined, 7]) {
      expect(bench.execute((() => value) as never)).toMatchObject({ type: 'committed' });
    }
  });

  it('has a message that can be written and read, whatever the reducer threw', async () => {
    const bench = await open();
    const odd = new SenderError('x');
    Object.defineProperty(odd, 'message', { value: { toString: () => 'an object' } });
    const thrown: unknown[] = [
      new SenderError(`half of ${'😀'[0]}`),
      new SenderError('x'.repeat(20_000_000)),
      new SenderError('\0\ufeff'),
      odd,
      new ForerunError('args-invalid', `\ud800 in ${'y'.repeat(1_000_000)}`),
      'text',
      undefined,
      null,
      Symbol('s'),
      { tag: 'err' },
      Object.create(null),
    ];
    for (const each of thrown) {
      const execution = bench.execute(() => {
        throw each;
      });
      if (execution.type !== 'rejected') throw new Error('it threw');
      const { message } = execution.rejection;
      const writer = new ByteWriter();
      writer.string(message);
      expect(new ByteReader(writer.take()).string()).toBe(message);
      expect(message.length).toBeLessThan(100_000);
    }
  });

  it('says that there is no such reducer', async () => {
    const caller = await openGame({ default: schema(tables), nothing: schema(tables) }, { recordReads: true });
    const call = {
      clientId: 'ab'.repeat(16) as never,
      callId: 1 as CallId,
      reducerId: 5,
      args: {},
      timestampMicros: 0,
      proposedMicros: 0,
      sender: new Identity(1n),
      connectionId: null,
      idHints: [],
    };
    expect(caller.engine.execute(call)).toMatchObject({ type: 'rejected', rejection: { code: 'reducer-unknown' } });
    expect(caller.engine.execute(call).reads).toBeDefined();
  });

  it('follows when the call has had its time', async () => {
    let asked = 0;
    const bench = await open({
      checkBudget: () => {
        if (++asked === 3) throw new ForerunError('limit-reached', 'It ran too long.');
      },
    });
    const execution = bench.execute(({ db }) => {
      for (let id = 0; ; id++) db.item.insert({ id, n: 0 });
    });
    expect(execution).toMatchObject({ rejection: { code: 'limit-reached', message: 'It ran too long.' } });
    expect([bench.engine.store(0).count, bench.engine.rows(0)]).toEqual([0, []]);
  });
});
