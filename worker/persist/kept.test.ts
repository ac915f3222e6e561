/** What a client keeps, and how it goes on from it: over a store that outlives it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SimulatedStorage } from '../../test/contract/simulated-storage.ts';
import { limits } from '../../core/limits.ts';
import { defineModule } from '../../core/module/module.ts';
import type { HostEvent } from '../client/host-api.ts';
import { Desk, deskModule, deskOptions, type Seat } from '../desk.testing.ts';
import { openStore } from './open-store.ts';
import { type ClientStore, memoryStore, storageUnavailable, type StoredRecord } from './store.ts';

const items = (seat: Seat): readonly unknown[] => {
  const live = seat.client.live('SELECT id, text, count FROM item ORDER BY id');
  const { rows } = live;
  live.close();
  return rows;
};

/** As a crash would: nothing is written any more, nobody is told. */
async function crash(seat: Seat): Promise<void> {
  seat.isReachable = false;
  seat.kill();
  seat.cut();
}

describe('a start of a client', () => {
  test('[OFF-1] shows the rows of the last one without a connection, and takes calls', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    first.client.reducers.put({ id: 1, text: 'a' });
    first.client.reducers.put({ id: 2, text: 'b' });
    await desk.time.advance(1_000);
    await first.client.close();
    const again = await desk.seat({ store, isReachable: false });
    expect(again.client.status).toMatchObject({ type: 'offline', ready: true, identity: first.client.status.identity });
    expect(items(again)).toEqual([
      { id: 1, text: 'a', count: 0 },
      { id: 2, text: 'b', count: 0 },
    ]);
    const call = again.client.reducers.bump({ id: 2 });
    expect(call.prediction).toEqual({ type: 'predicted', changedRows: 1 });
    expect(items(again)).toContainEqual({ id: 2, text: 'b', count: 1 });
  });

  test('[OFF-2] [EXO-7] goes on with the calls that were not answered, and each takes effect once', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    first.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    first.isReachable = false;
    first.cut();
    await desk.time.advance(1);
    for (let i = 0; i < 5; i++) first.client.reducers.bump({ id: 1 });
    await desk.time.advance(1);
    await crash(first);

    const second = await desk.seat({ store, isReachable: false });
    expect(second.client.status.pending).toBe(5);
    expect(items(second)).toEqual([{ id: 1, text: 'a', count: 5 }]);
    second.client.reducers.bump({ id: 1 });
    await desk.time.advance(1);
    await crash(second);

    const third = await desk.seat({ store });
    await desk.time.advance(1_000);
    expect(third.client.status.pending).toBe(0);
    expect(items(third)).toEqual([{ id: 1, text: 'a', count: 6 }]);
    expect(desk.home.rows('item')).toEqual([{ id: 1, text: 'a', count: 6 }]);
  });

  test('[OFF-2] [OFF-5] has the calls that were stored in the first moments of the first one', async () => {
    for (const isReachable of [false, true]) {
      const desk = await Desk.open();
      const store = memoryStore();
      const first = await desk.seat({ store, isReachable });
      first.client.reducers.put({ id: 1, text: 'a' });
      await desk.time.settle();
      expect(first.heard).toContain('put stored');
      await crash(first);
      const again = await desk.seat({ store });
      await desk.time.advance(1_000);
      expect(again.client.status).toMatchObject({ type: 'live', pending: 0 });
      expect(desk.home.rows('item')).toEqual([{ id: 1, text: 'a', count: 0 }]);
      expect(desk.home.authority.durableSeq).toBe(1);
    }
  });

  test('[EXO-7] [OFF-2] calls from before the first connection take effect once, whenever it crashes', async () => {
    const sent = new Set<number>();
    // After any number of writes, and of the steps in which messages go to and fro.
    for (let at = 0; at < 40; at++) {
      const desk = await Desk.open();
      const records = memoryStore();
      let left = Number.POSITIVE_INFINITY;
      const store: ClientStore = {
        ...records,
        write: (write) => (left-- > 0 ? records.write(write) : new Promise(() => {})),
      };
      const first = await desk.seat({ store, isReachable: false });
      first.client.reducers.put({ id: 1, text: 'a' });
      // The first state is written, with the clientId that nobody has heard of.
      await desk.time.advance(1_000);
      first.client.reducers.bump({ id: 1 });
      await desk.time.settle();
      expect(first.heard).toContain('bump stored');
      first.isReachable = true;
      left = at % 4;
      first.host.wake();
      for (let step = 0; step < at / 4; step++) {
        desk.time.tick();
        for (let i = 0; i < 10; i++) await undefined;
      }
      await crash(first);
      sent.add(desk.home.authority.durableSeq);
      const again = await desk.seat({ store: records });
      await desk.time.advance(20_000);
      expect(again.client.status).toMatchObject({ type: 'live', pending: 0 });
      expect(desk.home.rows('item'), `${at}`).toEqual([{ id: 1, text: 'a', count: 1 }]);
      expect(desk.home.authority.durableSeq, `${at}`).toBe(2);
    }
    expect([...sent].sort()).toEqual([0, 2]);
  });

  test('[EXO-8] asks again for answers that it had not kept, and is given them', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    await desk.time.advance(1_000);
    const call = first.client.reducers.put({ id: 1, text: 'a' });
    // Answered, but the rows are written later.
    await desk.time.advance(20);
    expect(call.state).toBe('confirmed');
    await crash(first);
    const again = await desk.seat({ store, isReachable: false });
    expect(again.client.status.pending).toBe(1);
    again.isReachable = true;
    const states: string[] = [];
    again.client.onCall((handle) => states.push(handle.state));
    await desk.time.advance(20_000);
    expect(states.at(-1)).toBe('confirmed');
    expect(again.client.status).toMatchObject({ type: 'live', pending: 0 });
    expect(desk.home.authority.durableSeq).toBe(1);
  });

  test('[EXO-8] [EXO-5] acknowledges in no greeting what it has not kept', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    await desk.time.advance(1_000);
    const call = first.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(20);
    expect(call.state).toBe('confirmed');
    // It says hello again before the rows are written.
    first.cut();
    await desk.time.settle();
    first.host.wake();
    await desk.time.advance(20);
    expect(first.client.status).toMatchObject({ type: 'live', pending: 0 });
    await crash(first);
    const again = await desk.seat({ store, isReachable: false });
    expect(again.client.status.pending).toBe(1);
    again.isReachable = true;
    await desk.time.advance(20_000);
    expect(again.heard.at(-1)).toBe('put confirmed');
    expect(desk.home.authority.durableSeq).toBe(1);
  });

  test('[OFF-3] tells a new page of the calls that wait, and what becomes of them', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    await desk.time.advance(1_000);
    first.isReachable = false;
    first.cut();
    await desk.time.advance(1);
    first.client.reducers.put({ id: 7, text: 'seven' });
    await desk.time.advance(1);
    await crash(first);
    const again = await desk.seat({ store, isReachable: false, heard: [] });
    expect(again.heard).toEqual(['put stored']);
    again.isReachable = true;
    await desk.time.advance(20_000);
    expect(again.heard).toEqual(['put stored', 'put confirmed']);
  });

  test('[OFF-3] counts a call as waiting until its answer is in the rows, however long that takes', async () => {
    const desk = await Desk.open();
    const [other, seat] = [await desk.seat(), await desk.seat({ store: memoryStore() })];
    other.client.reducers.put({ id: 1, text: 'x' });
    await desk.time.advance(1_000);
    const made = 60;
    seat.client.simulate({ latencyMs: 200 });
    for (let i = 0; i < made; i++) seat.client.reducers.bump({ id: 1 });
    await desk.time.advance(1);
    // All of them run again on this, and with each look at the clock a millisecond has gone by: in many slices.
    other.client.reducers.put({ id: 1, text: 'y' });
    let ms = desk.time.nowMs;
    Object.defineProperty(desk.time, 'nowMs', { get: () => ms++, set: (value: number) => (ms = value) });
    const toldBefore = seat.told.length;
    await desk.time.advance(20_000);
    let answered = 0;
    const waiting: [told: number, are: number][] = [];
    for (const list of seat.told.slice(toldBefore)) {
      for (const event of list) if (event.type === 'call' && event.progress.type === 'confirmed') answered++;
      for (const event of list) if (event.type === 'status') waiting.push([event.status.pending, made - answered]);
    }
    expect(answered).toBe(made);
    for (const [told, are] of waiting) expect(told).toBe(are);
  });

  test('[OFF-4] resumes: only what it missed is sent', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const [first, other] = [await desk.seat({ store }), await desk.seat()];
    for (let id = 0; id < 20; id++) other.client.reducers.put({ id, text: 'x' });
    await desk.time.advance(1_000);
    await first.client.close();
    other.client.reducers.put({ id: 3, text: 'y' });
    await desk.time.advance(100);
    const again = await desk.seat({ store });
    const inserted: number[] = [];
    again.client.tables.item.onInsert(({ id }) => inserted.push(id));
    await desk.time.advance(100);
    expect(inserted).toEqual([]);
    expect(items(again)).toEqual(items(other));
  });

  test('[PRE-16] [EXO-8] keeps confirmed rows, whatever is predicted on top of them', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    first.client.reducers.put({ id: 1, text: 'confirmed' });
    await desk.time.advance(50);
    // A snapshot is written as a whole while this waits.
    first.client.simulate({ latencyMs: 5_000 });
    first.client.reducers.put({ id: 1, text: '' }).confirmed.catch(() => {});
    first.client.reducers.put({ id: 1, text: 'predicted' });
    first.client.reducers.drop({ id: 1 });
    await desk.time.advance(1_000);
    await crash(first);
    const again = await desk.seat({ store, isReachable: false });
    expect(items(again)).toEqual([]);
    again.isReachable = true;
    await desk.time.advance(20_000);
    expect(items(again)).toEqual([]);
    expect(desk.home.rows('item')).toEqual([]);
    expect(again.client.status.pending).toBe(0);
  });

  test('[PRE-15] draws no autoInc value again that a call of an earlier start has drawn', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    await desk.time.advance(1_000);
    for (let i = 0; i < 3; i++) first.client.reducers.write({ text: `before ${i}` });
    await desk.time.advance(1_000);
    await first.client.close();
    const again = await desk.seat({ store, isReachable: false });
    for (let i = 0; i < 3; i++) again.client.reducers.write({ text: `after ${i}` });
    const predicted = again.client.live('SELECT id, text FROM note ORDER BY id').rows;
    again.isReachable = true;
    await desk.time.advance(20_000);
    expect(predicted).toHaveLength(6);
    expect(again.client.live('SELECT id, text FROM note ORDER BY id').rows).toEqual(predicted);
  });

  test('[EXO-9] gives calls other numbers that nobody has heard of, when what was kept had gone back', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    first.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    await first.client.close();
    const before = await store.open();
    const second = await desk.seat({ store });
    for (let i = 0; i < 3; i++) second.client.reducers.bump({ id: 1 });
    await desk.time.advance(1_000);
    await second.client.close();

    const old = memoryStore();
    await old.write({ remove: [], put: before });
    const third = await desk.seat({ store: old, isReachable: false });
    third.client.reducers.put({ id: 2, text: 'new' });
    third.client.reducers.bump({ id: 1 });
    await desk.time.advance(1);
    third.isReachable = true;
    await desk.time.advance(20_000);
    expect(third.client.status.pending).toBe(0);
    expect(desk.home.rows('item')).toEqual([
      { id: 1, text: 'a', count: 4 },
      { id: 2, text: 'new', count: 0 },
    ]);
    expect(items(third)).toEqual(desk.home.rows('item'));
  });
});

describe('a call', () => {
  test('[OFF-5] is stored before it is sent, and says so', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const held = Promise.withResolvers<void>();
    let holds = false;
    const seat = await desk.seat({
      store: {
        ...store,
        write: async (write) => {
          if (holds) await held.promise;
          await store.write(write);
        },
      },
    });
    await desk.time.advance(1_000);
    holds = true;
    const call = seat.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(100);
    expect(call.state).toBe('predicted');
    expect(desk.home.rows('item')).toEqual([]);
    holds = false;
    held.resolve();
    await call.stored;
    expect(call.state).toBe('stored');
    await desk.time.advance(100);
    expect(call.state).toBe('confirmed');
  });

  test('[OFF-6] is one record of its own, however many wait', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const bytes: number[] = [];
    const seat = await desk.seat({
      store: {
        ...store,
        write: async (write) => {
          if (write.put.some(({ section }) => section === 'calls'))
            bytes.push(write.put.reduce((sum, { value }) => sum + value.length, 0));
          await store.write(write);
        },
      },
    });
    await desk.time.advance(1_000);
    seat.isReachable = false;
    seat.cut();
    await desk.time.advance(1);
    for (let i = 0; i < 50; i++) {
      seat.client.reducers.put({ id: 1, text: 'same' });
      await desk.time.advance(1);
    }
    expect(bytes).toHaveLength(50);
    expect(Math.max(...bytes)).toBeLessThanOrEqual((bytes[0] ?? 0) + 4);
  });
});

test('[CLI-12] in Node nothing is kept unless there is a folder, and then all of it is', async () => {
  expect(typeof indexedDB).toBe('undefined');
  expect(await openStore({ replica: 'desk', folder: undefined })).toBeUndefined();
  const folder = mkdtempSync(join(tmpdir(), 'forerun-client-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const desk = await Desk.open();
  const first = await desk.seat({ store: await openStore({ replica: 'desk', folder }) });
  first.client.reducers.put({ id: 1, text: 'a' });
  await desk.time.advance(1_000);
  first.isReachable = false;
  first.cut();
  await desk.time.advance(1);
  const bumped = first.client.reducers.bump({ id: 1 });
  await desk.time.advance(1);
  await bumped.stored;
  await first.client.close();
  const again = await desk.seat({ store: await openStore({ replica: 'desk', folder }), isReachable: false });
  expect(items(again)).toEqual([{ id: 1, text: 'a', count: 1 }]);
  again.isReachable = true;
  await desk.time.advance(20_000);
  expect(desk.home.rows('item')).toEqual([{ id: 1, text: 'a', count: 1 }]);
});

describe('storage that fails', () => {
  test('[OFF-7] lets the client go on in memory, which it says, and calls are sent', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    let isFull = false;
    const seat = await desk.seat({
      store: {
        ...store,
        write: async (write) => {
          if (isFull) throw storageUnavailable('the browser has no room left for it');
          await store.write(write);
        },
      },
    });
    await desk.time.advance(1_000);
    expect(seat.client.status.storage).toEqual({ type: 'device' });
    isFull = true;
    const call = seat.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    expect(call.state).toBe('confirmed');
    expect(seat.client.status.storage).toMatchObject({
      type: 'memory',
      reason: expect.stringContaining('no room left'),
    });
    isFull = false;
    seat.client.reducers.bump({ id: 1 });
    await desk.time.advance(1_000);
    await crash(seat);
    const again = await desk.seat({ store });
    again.client.reducers.bump({ id: 1 });
    await desk.time.advance(20_000);
    expect(desk.home.rows('item')).toEqual([{ id: 1, text: 'a', count: 2 }]);
    expect(items(again)).toEqual(desk.home.rows('item'));
  });

  test('[OFF-8] whose content is damaged gives no wrong rows: they are fetched again, and calls are kept', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    for (let id = 0; id < 5; id++) first.client.reducers.put({ id, text: `t${id}` });
    await desk.time.advance(1_000);
    first.isReachable = false;
    first.cut();
    await desk.time.advance(1);
    first.client.reducers.bump({ id: 1 });
    await desk.time.advance(1);
    await crash(first);
    const records = await store.open();
    const cases: [name: string, of: (record: StoredRecord) => boolean, kept: string][] = [
      ['image', ({ section }) => section === 'image', 'pending'],
      ['changes', ({ section }) => section === 'changes', 'pending'],
      // Nobody can tell what it was, but that there was one.
      ['calls', ({ section }) => section === 'calls', 'handed'],
      // That it is this module says the state as well.
      ['the module', ({ section, key }) => section === 'state' && key === 2, 'pending'],
      // Calls say themselves who made them.
      ['the state', ({ section, key }) => section === 'state' && key === 1, 'pending'],
      // But nobody can show that it was they.
      ['all that says whose it is', ({ section }) => section === 'state', 'handed'],
    ];
    for (const [name, isDamaged, kept] of cases) {
      const damaged = memoryStore();
      await damaged.write({ remove: [], put: records });
      for (const record of records.filter(isDamaged)) {
        const value = record.value.slice();
        value[value.length >> 1] = (value[value.length >> 1] ?? 0) ^ 0x10;
        await damaged.write({ remove: [], put: [{ ...record, value }] });
      }
      const again = await desk.seat({ store: damaged, isReachable: false });
      let handed = 0;
      again.client.onUnsent((calls) => (handed += calls.length));
      const { pending } = again.client.status;
      expect({ name, pending, handed }).toEqual({
        name,
        pending: kept === 'pending' ? 1 : 0,
        handed: kept === 'handed' ? 1 : 0,
      });
      again.isReachable = true;
      await desk.time.advance(20_000);
      expect(again.client.status).toMatchObject({ type: 'live', pending: 0 });
      expect(items(again)).toEqual(desk.home.rows('item'));
      await again.client.close();
    }
  });

  test('[OFF-9] is wiped when the app forgets, and the next start is someone new', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    first.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1_000);
    const { identity } = first.client.status;
    await first.client.forget();
    expect(await store.open()).toEqual([]);
    expect(first.client.status).toMatchObject({ type: 'stopped', code: 'client-closed' });
    const again = await desk.seat({ store });
    await desk.time.advance(100);
    expect(again.client.status.identity).not.toBe(identity);
  });
});

describe('what is kept', () => {
  test('[PRE-16] [EXO-8] has beneath its image what calls had changed in it, also without these calls', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    first.client.reducers.put({ id: 1, text: 'confirmed' });
    await desk.time.advance(50);
    first.client.simulate({ latencyMs: 5_000 });
    first.client.reducers.bump({ id: 1 });
    first.client.reducers.put({ id: 2, text: 'predicted' });
    await desk.time.advance(1_000);
    await crash(first);
    const records = await store.open();
    expect(records.some(({ section }) => section === 'image')).toBe(true);
    const without = memoryStore();
    await without.write({ remove: [], put: records.filter(({ section }) => section !== 'calls') });
    const again = await desk.seat({ store: without, isReachable: false });
    expect(again.client.status).toMatchObject({ ready: true, pending: 0 });
    expect(items(again)).toEqual([{ id: 1, text: 'confirmed', count: 0 }]);
  });

  test('[OFF-5] [EXO-7] counts as stored when it is stored under the name that the client has then', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const gates: PromiseWithResolvers<void>[] = [];
    let isHeld = false;
    const slow: ClientStore = {
      ...store,
      write: async (write) => {
        const gate = Promise.withResolvers<void>();
        if (isHeld) gates.push(gate);
        if (isHeld) await gate.promise;
        await store.write(write);
      },
    };
    const seat = await desk.seat({ store: slow, isReachable: false });
    isHeld = true;
    seat.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.settle();
    expect(gates).toHaveLength(1);
    seat.isReachable = true;
    seat.host.wake();
    await desk.time.advance(10_000);
    expect(seat.client.status.type).toBe('live');
    // As nobody yet.
    gates.shift()?.resolve();
    await desk.time.advance(100);
    expect(seat.heard).not.toContain('put stored');
    expect(desk.home.rows('item')).toEqual([]);
    gates.shift()?.resolve();
    await desk.time.advance(100);
    expect(seat.heard.slice(-2)).toEqual(['put stored', 'put confirmed']);
    for (const gate of gates) gate.resolve();
  });

  test('[OFF-10] when another host has taken it over, stops this one, which sends nothing any more', async () => {
    const desk = await Desk.open();
    const storage = new SimulatedStorage();
    const older = await desk.seat({ store: storage.connect() });
    await desk.time.advance(1_000);
    const newer = await desk.seat({ store: storage.connect() });
    await desk.time.advance(1_000);
    older.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(20_000);
    expect(older.client.status).toMatchObject({ type: 'stopped', code: 'replica-taken' });
    expect(desk.home.rows('item')).toEqual([]);
    newer.client.reducers.put({ id: 2, text: 'b' });
    await desk.time.advance(20_000);
    expect(newer.client.status.type).toBe('live');
    expect(desk.home.rows('item')).toHaveLength(1);
  });

  test('[TAB-3] knows what became of a call for as long as its page may ask, however often leaders were deposed', async () => {
    const desk = await Desk.open();
    const storage = new SimulatedStorage();
    const first = await desk.seat({ store: storage.connect() });
    await desk.time.advance(500);
    const reducerId = defineModule(deskModule).reducers.findIndex(({ name }) => name === 'write');
    const request = { handleId: 1, reducerId, args: { text: 'once' }, again: false };
    const page = first.hosts.page();
    await page.open(deskOptions, () => {});
    page.call(request);
    await desk.time.advance(1_000);
    await crash(first);
    await desk.time.advance(limits.tabPatienceMsMax + 5_000);
    const second = await desk.seat({ store: storage.connect() });
    const next = second.hosts.page();
    const told: HostEvent[] = [];
    await next.open(deskOptions, (events) => told.push(...events));
    next.call({ ...request, again: true });
    await desk.time.advance(20_000);
    expect(desk.home.rows('note')).toHaveLength(1);
    expect(told.filter(({ type }) => type === 'call')).toMatchObject([
      { handleId: 1, progress: { type: 'confirmed' } },
    ]);
  });
});
