/** Calls that nobody has heard of, and those that somebody may have: which are given other numbers, and when they are sent. */

import { expect, test } from 'vitest';
import { Desk, type Seat } from './desk.testing.ts';
import { type ClientStore, memoryStore, storageUnavailable, type StoredRecord } from './persist/store.ts';

function crash(seat: Seat): void {
  seat.isReachable = false;
  seat.kill();
  seat.cut();
}

/** A device whose content is older than what its client has done since: one item, bumped so often. */
async function gone(desk: Desk, bumps: number): Promise<readonly StoredRecord[]> {
  const store = memoryStore();
  const first = await desk.seat({ store });
  first.client.reducers.put({ id: 1, text: 'a' });
  await desk.time.advance(1_000);
  await first.client.close();
  const before = await store.open();
  const second = await desk.seat({ store });
  for (let i = 0; i < bumps; i++) second.client.reducers.bump({ id: 1 });
  await desk.time.advance(1_000);
  await second.client.close();
  return before;
}

async function storeOf(records: readonly StoredRecord[]): Promise<ClientStore> {
  const store = memoryStore();
  await store.write({ remove: [], put: records });
  return store;
}

const ids = (desk: Desk): unknown[] => desk.home.rows('item').map((row) => row['id']);

test('[EXO-9] [OFF-5] calls that get other numbers are stored with these before they are sent, and none is lost by a crash', async () => {
  const desk = await Desk.open();
  const old = await storeOf(await gone(desk, 1));
  let isHeld = false;
  const slow: ClientStore = { ...old, write: (write) => (isHeld ? new Promise(() => {}) : old.write(write)) };
  const third = await desk.seat({ store: slow, isReachable: false });
  await desk.time.advance(1_000);
  for (const id of [2, 3, 4]) third.client.reducers.put({ id, text: 'new' });
  await desk.time.advance(1_000);
  isHeld = true;
  third.isReachable = true;
  third.host.wake();
  await desk.time.advance(50);
  expect(third.client.status.type).toBe('live');
  expect(ids(desk)).toEqual([1]);
  crash(third);
  // The next start has the numbers that were given before, and knows that nobody has heard of them.
  const fourth = await desk.seat({ store: old });
  await desk.time.advance(20_000);
  expect(ids(desk)).toEqual([1, 2, 3, 4]);
  expect(fourth.client.status.pending).toBe(0);
  expect(fourth.heard.filter((what) => what !== 'put stored')).toEqual([2, 3, 4].map(() => 'put confirmed'));
});

test('[EXO-1] [OFF-2] calls of several starts without a connection are sent once, wherever the one that has it crashes', async () => {
  const sent = new Set<number>();
  for (let at = 0; at < 24; at++) {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    first.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    await first.client.close();
    for (let start = 0; start < 2; start++) {
      const offline = await desk.seat({ store, isReachable: false });
      offline.client.reducers.bump({ id: 1 });
      await desk.time.advance(1_000);
      crash(offline);
    }
    let left = Number.POSITIVE_INFINITY;
    const dying: ClientStore = {
      ...store,
      write: (write) => (left-- > 0 ? store.write(write) : new Promise(() => {})),
    };
    const third = await desk.seat({ store: dying, isReachable: false });
    third.client.reducers.bump({ id: 1 });
    await desk.time.advance(1_000);
    third.isReachable = true;
    left = at % 3;
    third.host.wake();
    for (let step = 0; step < at / 3; step++) {
      desk.time.tick();
      for (let i = 0; i < 10; i++) await undefined;
    }
    crash(third);
    sent.add(desk.home.authority.durableSeq);
    const last = await desk.seat({ store });
    await desk.time.advance(20_000);
    expect(last.client.status.pending).toBe(0);
    expect(desk.home.rows('item'), `${at}`).toEqual([{ id: 1, text: 'a', count: 3 }]);
    expect(desk.home.authority.durableSeq, `${at}`).toBe(4);
  }
  expect(sent.size).toBeGreaterThan(1);
});

test('[EXO-9] calls that get other numbers while an older write is under way leave none under their first ones', async () => {
  const desk = await Desk.open();
  const old = await storeOf(await gone(desk, 3));
  let gate: PromiseWithResolvers<void> | undefined;
  const slow: ClientStore = {
    ...old,
    write: async (write) => {
      await gate?.promise;
      await old.write(write);
    },
  };
  const third = await desk.seat({ store: slow, isReachable: false });
  await desk.time.advance(1_000);
  gate = Promise.withResolvers<void>();
  third.client.reducers.put({ id: 2, text: 'new' });
  await desk.time.settle();
  third.client.reducers.bump({ id: 1 });
  third.client.reducers.bump({ id: 1 });
  await desk.time.settle();
  third.isReachable = true;
  third.host.wake();
  await desk.time.advance(20);
  gate.resolve();
  gate = undefined;
  await desk.time.advance(3);
  const kept = (await old.open()).filter(({ section }) => section === 'calls').map(({ key }) => key);
  expect(kept).toEqual([5, 6, 7]);
  crash(third);
  const fourth = await desk.seat({ store: old });
  await desk.time.advance(20_000);
  expect(desk.home.rows('item')).toEqual([
    { id: 1, text: 'a', count: 5 },
    { id: 2, text: 'new', count: 0 },
  ]);
  expect(fourth.heard.filter((what) => what.includes('rejected'))).toEqual([]);
});

test('[OFF-7] [EXO-1] calls that nobody had heard of are sent once also when there is no room left just then', async () => {
  const desk = await Desk.open();
  const store = memoryStore();
  let isFull = false;
  const fickle: ClientStore = {
    ...store,
    write: async (write) => {
      if (isFull && write.put.length > 0) throw storageUnavailable('the browser has no room left for it');
      await store.write(write);
    },
  };
  const first = await desk.seat({ store: fickle });
  first.client.reducers.put({ id: 1, text: 'a' });
  await desk.time.advance(1_000);
  await first.client.close();
  const second = await desk.seat({ store: fickle, isReachable: false });
  second.client.reducers.bump({ id: 1 });
  await desk.time.advance(1_000);
  isFull = true;
  second.isReachable = true;
  second.host.wake();
  await desk.time.advance(1_000);
  expect(desk.home.rows('item')).toMatchObject([{ count: 1 }]);
  crash(second);
  isFull = false;
  const third = await desk.seat({ store: fickle });
  await desk.time.advance(20_000);
  expect(third.client.status.pending).toBe(0);
  expect(desk.home.rows('item')).toMatchObject([{ count: 1 }]);
});
