import { afterEach, describe, expect, it } from 'vitest';
import { limits } from '../limits.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { Home, TestTime } from './home.testing.ts';

const item = table({ public: true }, { id: t.u32().primaryKey(), text: t.string().index() });
const tally = table({ public: true }, { id: t.u32().primaryKey(), count: t.u32() });
const store = schema({ item, tally });

/** Time goes on by a millisecond with each look at the clock, as it does by itself. */
let time = new TestTime();

const fill = store.reducer({ from: t.u32(), count: t.u32(), text: t.string() }, (ctx, { from, count, text }) => {
  for (let id = from; id < from + count; id++) ctx.db.item.insert({ id, text });
});
const bump = store.reducer((ctx) => {
  const known = ctx.db.tally.id.find(0);
  if (known) ctx.db.tally.id.update({ ...known, count: known.count + 1 });
  else ctx.db.tally.insert({ id: 0, count: 1 });
});
const spin = store.reducer({ looks: t.u32(), stubborn: t.bool() }, (ctx, { looks, stubborn }) => {
  ctx.db.tally.insert({ id: looks, count: 7 });
  for (let i = 0; i < looks; i++) {
    time.nowMs += 0.01;
    try {
      ctx.db.item.id.find(i);
    } catch (error) {
      if (!stubborn) throw error;
    }
  }
});
const stare = store.reducer({ times: t.u32() }, (ctx, { times }) => {
  for (let i = 0; i < times; i++) {
    time.nowMs += 100;
    for (const _ of ctx.db.item.iter());
  }
});
const clear = store.reducer((ctx) => {
  ctx.db.item.clear();
});
const garbage = store.reducer({ what: t.u32() }, (_ctx, { what }) => {
  const returned: readonly unknown[] = [
    new Proxy(
      {},
      {
        has: () => {
          throw new RangeError('a trap');
        },
      },
    ),
    {
      get tag() {
        throw new RangeError('a getter');
      },
    },
    { tag: 'err', value: { toString: () => 5 } },
    Symbol('x'),
    new Array(10).fill(item),
    () => {},
    { then: 'no function' },
  ];
  return returned[what] as never;
});
const exports = { default: store, fill, bump, spin, stare, clear, garbage };

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

async function open(given: NonNullable<Parameters<typeof Home.open>[1]>['limits'] = {}) {
  time = new TestTime();
  const home = await Home.open(exports, { time, limits: given });
  homes.push(home);
  const client = home.client(1);
  let calls = 0;
  const call = async (reducer: string, args: unknown = {}) => {
    home.call(client, ++calls, reducer, args);
    await home.time.settle();
    return home.outcomesOf(client).at(-1);
  };
  return { home, call };
}

const limitReached = (about: RegExp) => ({
  type: 'rejected',
  rejection: { code: 'limit-reached', message: expect.stringMatching(about) },
});

describe('a reducer that goes too far', () => {
  it('[LIM-1] in time is stopped, rolled back and told so, whether it catches that or not', async () => {
    const { home, call } = await open();
    expect(await call('spin', { looks: 50_000, stubborn: false })).toMatchObject({ type: 'committed' });
    expect(await call('bump')).toMatchObject({ type: 'committed' });
    for (const stubborn of [false, true]) {
      expect(await call('spin', { looks: 300_000, stubborn })).toMatchObject(limitReached(/1000 ms .*callMsMax/));
    }
    expect(home.rows('tally')).toMatchObject([{ id: 0, count: 1 }, { id: 50_000 }]);
    expect(await call('bump')).toMatchObject({ type: 'committed' });
  });

  it('[LIM-1] in time is found in scans too, each of which counts as its rows', async () => {
    const { call } = await open();
    await call('fill', { from: 0, count: 300, text: 'x' });
    expect(await call('stare', { times: 9 })).toMatchObject({ type: 'unchanged' });
    expect(await call('stare', { times: 30 })).toMatchObject(limitReached(/callMsMax/));
  });

  it('[LIM-2] in rows is stopped soon after, and nothing of it stays', async () => {
    const { home, call } = await open({ callRowsMax: 5_000 });
    expect(await call('fill', { from: 0, count: 4_000, text: 'a' })).toMatchObject({ type: 'committed' });
    expect(await call('fill', { from: 10_000, count: 1_000_000, text: 'b' })).toMatchObject(
      limitReached(/5000 rows .*callRowsMax/),
    );
    expect(home.rows('item')).toHaveLength(4_000);
    expect(await call('fill', { from: 4_000, count: 4_000, text: 'a' })).toMatchObject({ type: 'committed' });
    // One operation of 8,000 rows.
    expect(await call('clear')).toMatchObject(limitReached(/callRowsMax/));
    expect(home.rows('item')).toHaveLength(8_000);
  });

  it('[LIM-2] by a million rows leaves the authority as it was, with the bounds as they are', async () => {
    const { home, call } = await open({ callMsMax: 600_000 });
    expect(await call('fill', { from: 0, count: 1_000_000, text: 'b' })).toMatchObject(limitReached(/callRowsMax/));
    expect(home.rows('item')).toEqual([]);
    expect(await call('bump')).toMatchObject({ type: 'committed' });
  });

  it('[LIM-3] in bytes is rejected after it has run, and the batch it was in is whole', async () => {
    const { home, call } = await open();
    const client = home.client(2);
    home.call(client, 1, 'bump');
    const text = 'x'.repeat(1_000_000);
    expect(await call('fill', { from: 0, count: 40, text })).toMatchObject(limitReached(/33554432 bytes/));
    home.call(client, 2, 'bump');
    await home.time.settle();
    expect(home.rows('item')).toEqual([]);
    const again = await Home.open(exports, { time: home.time, log: home.log });
    homes.push(again);
    expect([again.rows('item'), again.rows('tally')]).toEqual([[], [{ id: 0, count: 2 }]]);
    expect(limits.callBytesMax).toBe(33_554_432);
  });

  it('[LIM-4] in what it returns is rejected or ignored, and the next call runs', async () => {
    const { call } = await open();
    const types = [];
    for (let what = 0; what < 7; what++) types.push((await call('garbage', { what }))?.type);
    expect(types).toEqual(['rejected', 'rejected', 'rejected', 'unchanged', 'unchanged', 'unchanged', 'unchanged']);
    expect(await call('bump')).toMatchObject({ type: 'committed' });
  });
});
