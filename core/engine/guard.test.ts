import { afterEach, describe, expect, it } from 'vitest';
import { t } from '../module/column.ts';
import { table } from '../module/table.ts';
import { Bench } from './engine.testing.ts';
import { guarded, unguarded } from './guard.ts';

const tables = { item: table({}, { id: t.u32().primaryKey(), at: t.timestamp() }) } as const;
const benches: Bench<typeof tables>[] = [];
afterEach(() => {
  for (const bench of benches.splice(0)) bench.engine.close();
});

async function open(guard = true): Promise<Bench<typeof tables>> {
  const bench = await Bench.open(tables, { guard });
  benches.push(bench);
  return bench;
}

const ask: readonly (readonly [what: string, use: () => unknown, instead: RegExp])[] = [
  ['Date.now()', () => Date.now(), /ctx\.timestamp/],
  ['new Date()', () => new Date(), /ctx\.timestamp\.toDate\(\)/],
  ['Date()', () => Date(), /ctx\.timestamp\.toDate\(\)/],
  ['a class made of Date', () => new (class Day extends Date {})(), /ctx\.timestamp\.toDate\(\)/],
  ['Math.random()', () => Math.random(), /ctx\.random\(\)/],
  ['performance.now()', () => performance.now(), /ctx\.timestamp/],
  ['fetch()', () => fetch('https://example.com'), /passes the answer in as an argument/],
  ['setTimeout()', () => setTimeout(() => {}), /a scheduled table/],
  ['setInterval()', () => setInterval(() => {}), /a scheduled table/],
  ['setImmediate()', () => setImmediate(() => {}), /a scheduled table/],
  ['queueMicrotask()', () => queueMicrotask(() => {}), /a scheduled table/],
  ['new Promise()', () => new Promise(() => {}), /synchronous code/],
  ['Promise.resolve()', () => Promise.resolve(1), /synchronous code/],
  ['Promise.all()', () => Promise.all([]), /synchronous code/],
  ['process.hrtime()', () => process.hrtime(), /ctx\.timestamp/],
  ['process.hrtime.bigint()', () => process.hrtime.bigint(), /ctx\.timestamp/],
  ['AbortSignal.timeout()', () => AbortSignal.timeout(1), /a scheduled table/],
  ['new MessageChannel()', () => new MessageChannel(), /new MessageChannel\(\).*as an argument/],
  ['new WebSocket()', () => new WebSocket('ws://localhost'), /new WebSocket\(\).*as an argument/],
  ['local hours', () => new Date(0).getHours(), /time zone.*getUTCHours\(\)/],
  ['a time zone', () => new Date(0).getTimezoneOffset(), /time zone/],
  ['a date as text', () => `${new Date(0)}`, /toISOString\(\)/],
  ['a local date', () => new Date(2026, 1), /Date\.UTC/],
  ['localeCompare()', () => 'a'.localeCompare('b'), /a < b/],
  ['crypto.randomUUID()', () => crypto.randomUUID(), /ctx\.newUuidV4\(\)/],
  ['crypto.getRandomValues()', () => crypto.getRandomValues(new Uint8Array(1)), /ctx\.random\.fill\(\)/],
];

/** The globals as they can be told apart: what they are, and where they are kept. */
function globals(): unknown[] {
  const holders: readonly (readonly [object, readonly string[]])[] = [
    [globalThis, ['Date', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Promise']],
    [globalThis, ['MessageChannel', 'WebSocket']],
    [process, ['hrtime']],
    [AbortSignal, ['timeout']],
    [Date.prototype, ['getHours', 'toString']],
    [String.prototype, ['localeCompare']],
    [Math, ['random']],
    [performance, ['now']],
    [crypto, ['randomUUID', 'getRandomValues']],
  ];
  return holders.flatMap(([holder, names]) =>
    names.map((name) => [name, Reflect.get(holder, name), Object.hasOwn(holder, name)]),
  );
}

const untouched = globals();

describe('with the guard up', () => {
  it.each(ask)(
    '[DET-4] %s in a reducer is refused, and the message names what to use instead',
    async (_, use, instead) => {
      const bench = await open();
      const execution = bench.execute((ctx) => {
        ctx.db.item.insert({ id: 1, at: ctx.timestamp });
        use();
      });
      expect(execution).toMatchObject({
        type: 'rejected',
        rejection: { code: 'nondeterministic', message: expect.stringMatching(instead) },
      });
      expect(bench.engine.rows(0)).toEqual([]);
    },
  );

  it('[DET-5] outside a reducer everything is as it was, after one that returned and one that threw', async () => {
    const bench = await open();
    bench.run((ctx) => ctx.db.item.insert({ id: 1, at: ctx.timestamp }));
    expect(globals()).toEqual(untouched);
    for (const [, use] of ask) bench.execute(() => void use());
    expect(globals()).toEqual(untouched);
    expect(() => Date.now() + Math.random()).not.toThrow();
    await expect(Promise.resolve(1)).resolves.toBe(1);
  });

  it('a long reducer may be timed by whoever runs it', async () => {
    let looks = 0;
    const checkBudget = (): void => {
      looks += performance.now() > 0 ? 1 : 0;
    };
    const bench = await Bench.open(tables, { guard: true, checkBudget });
    benches.push(bench);
    bench.run((ctx) => {
      for (let i = 0; i < 1_000; i++) ctx.db.item.id.find(i);
    });
    expect(looks).toBe(3);
  });

  it('a reducer may still calculate with dates that it has, and look at what a value is', async () => {
    const bench = await open();
    bench.run((ctx) => {
      expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
      expect(Date.UTC(2026, 0, 1)).toBe(1_767_225_600_000);
      expect(Date.parse('1970-01-01T00:00:01Z')).toBe(1000);
      expect(ctx.timestamp.toDate()).toBeInstanceOf(Date);
      expect(new Date(5) instanceof Date).toBe(true);
      expect({} instanceof Promise).toBe(false);
      expect(new (class Day extends Date {})(0).getTime()).toBe(0);
    });
  });

  it('a guarded run inside a guarded run leaves the guard up until the outer one ends', () => {
    guarded(() => {
      guarded(() => expect(() => Date.now()).toThrow(/ctx\.timestamp/));
      expect(() => Date.now()).toThrow(/ctx\.timestamp/);
      expect(() =>
        guarded(() => {
          throw new Error('inner');
        }),
      ).toThrow('inner');
      expect(() => Math.random()).toThrow(/ctx\.random/);
    });
    expect(globals()).toEqual(untouched);
  });

  it('what runs unguarded inside has the real globals, and gives them back when it throws', () => {
    guarded(() => {
      expect(unguarded(() => globals())).toEqual(untouched);
      expect(() =>
        unguarded(() => {
          throw new Error('inside');
        }),
      ).toThrow('inside');
      expect(() => Date.now()).toThrow(/ctx\.timestamp/);
    });
    expect(globals()).toEqual(untouched);
    expect(unguarded(() => Date.now())).toBeGreaterThan(0);
  });
});

describe('an async reducer', () => {
  it.each([false, true])('[ENG-3] is rejected and leaves no trace, with the guard %s', async (guard) => {
    const bench = await open(guard);
    let late: unknown;
    const execution = bench.execute((async (ctx: Parameters<Parameters<typeof bench.execute>[0]>[0]) => {
      ctx.db.item.insert({ id: 1, at: ctx.timestamp });
      await undefined;
      try {
        ctx.db.item.insert({ id: 2, at: ctx.timestamp });
      } catch (error) {
        late = error;
        throw error;
      }
    }) as never);
    expect(execution).toMatchObject({
      type: 'rejected',
      rejection: { code: 'reducer-async', message: expect.stringMatching(/'run' is async.*Remove async/) },
    });
    await new Promise((resolve) => setImmediate(resolve));
    // [ENG-15], and its rejection is nobody's: it does not end the process.
    expect(late).toMatchObject({
      code: 'reducer-async',
      message: expect.stringMatching(/only while its reducer runs/),
    });
    expect(bench.engine.rows(0)).toEqual([]);
    bench.run((ctx) => ctx.db.item.insert({ id: 3, at: ctx.timestamp }));
    expect(bench.engine.rows(0)).toHaveLength(1);
  });

  it('[ENG-3] is known by what it returns: anything with a then', async () => {
    const bench = await open();
    const thenables = [
      { then: () => {} },
      {
        then: () => {
          throw new Error('from then');
        },
      },
    ];
    for (const thenable of thenables) {
      expect(bench.execute((() => thenable) as never)).toMatchObject({ rejection: { code: 'reducer-async' } });
    }
    expect(bench.execute((() => ({ then: 'later' })) as never)).toMatchObject({ type: 'committed' });
  });
});
