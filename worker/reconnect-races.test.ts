/**
 * Bugs that others found in a deep review of their sync engine (tldraw's issue 10159 and the pull requests it lists), each as a
 * test that this one does not have it. Those about several tabs are in `test/e2e/tabs.test.ts`.
 */

import { describe, expect, test } from 'vitest';
import { SimulatedStorage } from '../test/contract/simulated-storage.ts';
import { Desk, type Seat } from './desk.testing.ts';

const items = (seat: Seat): readonly unknown[] => {
  const live = seat.client.live('SELECT id, text, count FROM item ORDER BY id');
  const { rows } = live;
  live.close();
  return rows;
};

async function pair(): Promise<{ desk: Desk; one: Seat; two: Seat }> {
  const desk = await Desk.open();
  const [one, two] = [await desk.seat(), await desk.seat()];
  one.client.reducers.put({ id: 1, text: 'a' });
  await desk.time.advance(100);
  return { desk, one, two };
}

/** Without a connection, and without one for the asking. */
async function away(desk: Desk, seat: Seat): Promise<void> {
  seat.isReachable = false;
  seat.cut();
  await desk.time.advance(10);
}

async function back(desk: Desk, seat: Seat): Promise<void> {
  seat.isReachable = true;
  await desk.time.advance(30_000);
}

describe('the bug that', () => {
  test('[SES-7] the late end of a socket that died silently ends the session which has taken its place', async () => {
    const { desk, one, two } = await pair();
    const [old] = one.lives;
    // The client gives the old one up; the authority has not heard of its end when the next one greets it.
    await desk.time.advance(1);
    const kept = old?.close;
    one.client.simulate({ offline: true });
    one.client.simulate({ offline: false });
    await desk.time.advance(1_000);
    expect(one.client.status.type).toBe('live');
    kept?.();
    await desk.time.advance(1_000);
    expect(one.client.status.type).toBe('live');
    two.client.reducers.bump({ id: 1 });
    await desk.time.advance(100);
    expect(items(one)).toEqual([{ id: 1, text: 'a', count: 1 }]);
    expect(desk.hub.sessionCount).toBe(2);
  });

  test('[EXO-6] what was made and deleted while offline comes back with the reconnect', async () => {
    const { desk, one, two } = await pair();
    await away(desk, one);
    one.client.reducers.put({ id: 2, text: 'made offline' });
    one.client.reducers.drop({ id: 2 });
    one.client.reducers.drop({ id: 1 });
    const seen: string[] = [];
    one.client.tables.item.onInsert(({ text }) => seen.push(text));
    await back(desk, one);
    expect(seen).toEqual([]);
    expect([items(one), items(two), desk.home.rows('item')]).toEqual([[], [], []]);
  });

  test('[PRE-4] [SES-4] what was deleted by others while a client was away comes back with what it had', async () => {
    const { desk, one, two } = await pair();
    await away(desk, one);
    one.client.reducers.put({ id: 5, text: 'mine' });
    two.client.reducers.drop({ id: 1 });
    await desk.time.advance(100);
    await back(desk, one);
    expect(items(one)).toEqual([{ id: 5, text: 'mine', count: 0 }]);
    expect(items(two)).toEqual(items(one));
  });

  test('[EXO-1] what reached the server just before the connection was lost is applied once more when it is sent again', async () => {
    const { desk, one, two } = await pair();
    for (let i = 0; i < 5; i++) {
      const call = one.client.reducers.bump({ id: 1 });
      // It is on its way, and its answer will not arrive.
      desk.time.tick();
      await undefined;
      one.cut();
      await desk.time.advance(30_000);
      expect(await call).toMatchObject({ asPredicted: true });
    }
    expect(items(two)).toEqual([{ id: 1, text: 'a', count: 5 }]);
  });

  test('[WIR-4] [CLI-1] an answer to the greeting that can not be read leaves the client half connected for good', async () => {
    const { desk, one, two } = await pair();
    await away(desk, one);
    one.client.reducers.bump({ id: 1 });
    one.isReachable = true;
    one.garbleNext = 3;
    await desk.time.advance(60_000);
    expect(one.garbleNext).toBe(0);
    expect(one.client.status).toMatchObject({ type: 'live', pending: 0 });
    expect(items(one)).toEqual([{ id: 1, text: 'a', count: 1 }]);
    expect(items(two)).toEqual(items(one));
  });

  test('[CLI-1] one failure to find out who the client is stalls it for good', async () => {
    const { desk, one } = await pair();
    await away(desk, one);
    desk.authenticationFailures = 2;
    one.client.reducers.bump({ id: 1 });
    await back(desk, one);
    expect(desk.authenticationFailures).toBe(0);
    expect(one.client.status).toMatchObject({ type: 'live', pending: 0 });
  });

  test('[ENG-1] [PRE-7] a transaction that is rolled back leaks what it wrote to the others', async () => {
    const { desk, one, two } = await pair();
    const told: string[] = [];
    two.client.tables.note.onInsert(({ text }) => told.push(text));
    one.client.reducers.write({ text: '' }).confirmed.catch(() => {});
    one.client.reducers.write({ text: 'kept' });
    await desk.time.advance(1_000);
    expect(told).toEqual(['kept']);
    expect(desk.home.rows('note')).toHaveLength(1);
  });

  test('[PRE-7] one rejected call takes the other pending ones with it', async () => {
    const { desk, one, two } = await pair();
    await away(desk, one);
    const calls = [
      one.client.reducers.put({ id: 2, text: 'first' }),
      one.client.reducers.put({ id: 3, text: '' }),
      one.client.reducers.bump({ id: 2 }),
    ];
    for (const call of calls) call.confirmed.catch(() => {});
    await back(desk, one);
    expect(calls.map(({ state }) => state)).toEqual(['confirmed', 'rejected', 'confirmed']);
    expect(items(two)).toContainEqual({ id: 2, text: 'first', count: 1 });
  });

  test('[OFF-2] [EXO-7] the last edits before a tab is closed never reach the disk', async () => {
    const desk = await Desk.open();
    const storage = new SimulatedStorage();
    const first = await desk.seat({ store: storage.connect() });
    await desk.time.advance(1_000);
    await away(desk, first);
    first.client.reducers.put({ id: 1, text: 'typed' });
    first.client.reducers.put({ id: 2, text: 'and closed' });
    // In the same moment.
    await first.client.close();
    const second = await desk.seat({ store: storage.connect() });
    await desk.time.advance(1_000);
    expect(items(second)).toEqual(desk.home.rows('item'));
    expect(desk.home.rows('item')).toHaveLength(2);
  });

  test('[SES-5] what changes while a client is loading is lost or overwritten by what it loads', async () => {
    const { desk, one } = await pair();
    for (let id = 10; id < 3_000; id++) one.client.reducers.put({ id, text: `item ${id}` });
    await desk.time.advance(1_000);
    const opening = desk.seat();
    for (let i = 0; i < 40; i++) {
      one.client.reducers.bump({ id: 10 + i * 70 });
      one.client.reducers.drop({ id: 11 + i * 70 });
      desk.time.tick();
      await undefined;
    }
    const late = await opening;
    await desk.time.advance(1_000);
    expect(items(late)).toEqual(desk.home.rows('item'));
    expect(late.client.counters.differences).toBe(0);
  });

  test('[SES-1] frames that arrive after a session has ended bring it back, or the server down', async () => {
    const { desk, one, two } = await pair();
    const [transport] = one.lives;
    const { hub } = desk;
    one.client.reducers.bump({ id: 1 });
    hub.close();
    one.client.reducers.bump({ id: 1 });
    transport?.send(new Uint8Array([1, 2, 3]));
    await desk.time.advance(60_000);
    expect([one.client.status.type, two.client.status.type]).toEqual(['live', 'live']);
    expect(items(two)).toEqual([{ id: 1, text: 'a', count: 2 }]);
    expect(desk.hub.sessionCount).toBe(2);
  });
});
