/** Prediction and reconciliation as an app meets them: real hosts and a real authority, on time that stands still. */

import { describe, expect, onTestFinished, test } from 'vitest';
import { limits } from '../../core/limits.ts';
import { Desk, type Seat } from '../desk.testing.ts';

/** Two clients with their rows, the first of them far away. */
async function pair(latencyMs = 200): Promise<{ desk: Desk; far: Seat; near: Seat }> {
  const desk = await Desk.open();
  const [far, near] = [await desk.seat(), await desk.seat()];
  near.client.reducers.put({ id: 1, text: 'one' });
  near.client.reducers.put({ id: 2, text: 'two' });
  await desk.time.advance(50);
  far.client.simulate({ latencyMs });
  return { desk, far, near };
}

/** For one test; `limits` is constant to everyone else. */
function setLimits(values: Partial<Record<keyof typeof limits, number>>): void {
  const before = { ...limits };
  Object.assign(limits, values);
  onTestFinished(() => void Object.assign(limits, before));
}

function counts({ client }: Seat): Promise<readonly { id: number; count: number }[]> {
  const live = client.live<{ id: number; count: number }>('SELECT id, count FROM item ORDER BY id');
  const rows = live.ready();
  live.close();
  return rows;
}

describe('an own call', () => {
  test('[PRE-3] that does what was predicted is confirmed without a roll back, and changes no row', async () => {
    const { desk, far } = await pair();
    let changes = 0;
    const call = far.client.reducers.bump({ id: 1 });
    far.client.tables.item.onUpdate(() => changes++);
    await desk.time.advance(500);
    expect(await call).toMatchObject({ asPredicted: true });
    expect(far.client.counters).toMatchObject({ confirmed: 1, diverged: 0, rolledBack: 0, replayed: 0 });
    expect(changes).toBe(0);
  });

  test('[PRE-7] that is rejected leaves no trace, and what depended on it runs again', async () => {
    const { desk, far, near } = await pair();
    near.client.reducers.drop({ id: 1 });
    const refused = far.client.reducers.bump({ id: 1 });
    const independent = far.client.reducers.bump({ id: 2 });
    const dependent = far.client.reducers.bump({ id: 1 });
    expect(await counts(far)).toEqual([
      { id: 1, count: 2 },
      { id: 2, count: 1 },
    ]);
    const answers = Promise.allSettled([refused.confirmed, independent.confirmed, dependent.confirmed]);
    await desk.time.advance(500);
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    expect(await counts(far)).toEqual([{ id: 2, count: 1 }]);
    expect(far.client.status.pending).toBe(0);
  });

  test('[PRE-11] whose prediction throws is sent all the same, and the outcome of the authority counts', async () => {
    const { desk, far, near } = await pair();
    near.client.reducers.put({ id: 9, text: 'nine' });
    // It has not heard of item 9 yet.
    const call = far.client.reducers.bump({ id: 9 });
    expect(call.prediction).toMatchObject({ type: 'failing', rejection: { code: 'call-rejected' } });
    await desk.time.advance(500);
    await call;
    expect(await counts(far)).toContainEqual({ id: 9, count: 1 });
  });

  test('[PRE-13] that did something else at the authority gives way to it, and is counted as diverged', async () => {
    const { desk, far, near } = await pair();
    far.isReachable = false;
    far.cut();
    await desk.time.advance(10);
    // Too old when it arrives: the authority sets its own time.
    const call = far.client.reducers.stamp({ id: 5 });
    const live = far.client.live<{ text: string }>('SELECT text FROM item WHERE id = 5');
    const [predicted] = live.rows;
    await desk.time.advance(2_000);
    far.isReachable = true;
    await desk.time.advance(30_000);
    expect(await call).toMatchObject({ asPredicted: false });
    expect(live.rows).not.toEqual([predicted]);
    expect(live.rows).toEqual(await near.client.live<{ text: string }>('SELECT text FROM item WHERE id = 5').ready());
    expect(far.client.counters).toMatchObject({ confirmed: 0, diverged: 1, rolledBack: 1 });
  });
});

describe("another client's commit", () => {
  test('[PRE-4] [PRE-18] that touches no pending call is applied at once beneath them; nothing is rolled back', async () => {
    const { desk, far, near } = await pair(2_000);
    for (let i = 0; i < 20; i++) far.client.reducers.bump({ id: 1 });
    near.client.reducers.bump({ id: 2 });
    await desk.time.advance(1_100);
    expect(far.client.status.pending).toBe(20);
    expect(await counts(far)).toEqual([
      { id: 1, count: 20 },
      { id: 2, count: 1 },
    ]);
    expect(far.client.counters).toMatchObject({ rolledBack: 0, replayed: 0 });
  });

  test('[PRE-5] that touches a pending call has it run again, and those that depend on it, and no others', async () => {
    const { desk, far, near } = await pair(2_000);
    far.client.reducers.bump({ id: 1 });
    far.client.reducers.bump({ id: 2 });
    far.client.reducers.bump({ id: 1 });
    near.client.reducers.bump({ id: 1 });
    await desk.time.advance(1_100);
    expect(await counts(far)).toEqual([
      { id: 1, count: 3 },
      { id: 2, count: 1 },
    ]);
    await desk.time.advance(3_000);
    expect(far.client.counters.replayed).toBe(2);
    expect(await counts(far)).toEqual(await counts(near));
  });

  test('[PRE-6] that brings a row into a range which a pending call read, or takes one out, touches that call', async () => {
    const { desk, far, near } = await pair(2_000);
    const total = async () => (await counts(far)).find(({ id }) => id === 50)?.count;
    far.client.reducers.tally({ id: 50, text: 'one' });
    expect(await total()).toBe(1);
    near.client.reducers.put({ id: 7, text: 'one' });
    await desk.time.advance(1_100);
    expect(await total()).toBe(2);
    near.client.reducers.put({ id: 8, text: 'of no interest' });
    await desk.time.advance(1);
    const { replayed } = far.client.counters;
    await desk.time.advance(3_000);
    expect(far.client.counters.replayed).toBe(replayed);
    // At the authority the tally came after the first item and before the second.
    expect(await total()).toBe(2);
  });

  test('[PRE-10] is told with what the call did before and does now, and not where it does the same', async () => {
    const { desk, far, near } = await pair(2_000);
    const bumped = far.client.reducers.bump({ id: 1 });
    const put = far.client.reducers.put({ id: 1, text: 'mine' });
    const told: unknown[] = [];
    bumped.onOutcomeChange((change) => told.push(change));
    put.onOutcomeChange((change) => told.push(change));
    near.client.reducers.bump({ id: 1 });
    await desk.time.advance(1_100);
    const did = (before: number) => ({
      type: 'predicted',
      changedRows: 1,
      changes: [
        {
          table: 'item',
          key: '1',
          before: expect.stringContaining(`"count":${before}`),
          after: expect.stringContaining(`"count":${before + 1}`),
        },
      ],
    });
    expect(told).toMatchObject([{ from: did(0), to: did(1) }]);
    await desk.time.advance(3_000);
    // Both ran again.
    expect([bumped.replays, put.replays]).toEqual([1, 1]);
  });

  test('[PRE-13] is counted by what became of the prediction, also where the authority refuses the call', async () => {
    const desk = await Desk.open();
    const far = await desk.seat({ subscribe: ['SELECT * FROM item WHERE id < 50'] });
    const near = await desk.seat();
    near.client.reducers.put({ id: 77, text: 'kept' });
    await desk.time.advance(50);
    const counted = () => {
      const { confirmed, diverged, unpredicted } = far.client.counters;
      return { confirmed, diverged, unpredicted };
    };
    const before = counted();
    far.client.reducers.refuse({}).confirmed.catch(() => {});
    // There is nothing to drop here, and one at the authority that may not be dropped.
    far.client.reducers.dropOrRefuse({ id: 77 }).confirmed.catch(() => {});
    far.client.reducers.bump({ id: 99 }).confirmed.catch(() => {});
    await desk.time.advance(1_000);
    expect(counted()).toEqual({ ...before, confirmed: before.confirmed + 1, unpredicted: 1, diverged: 1 });
  });

  test('[PRE-10] that changes what a pending call does is told through its handle, once, and only then', async () => {
    const { desk, far, near } = await pair(2_000);
    const doomed = far.client.reducers.bump({ id: 1 });
    const same = far.client.reducers.bump({ id: 2 });
    const told: unknown[] = [];
    doomed.onOutcomeChange(({ from, to }) => told.push(['doomed', from.type, to.type]));
    same.onOutcomeChange(({ from, to }) => told.push(['same', from.type, to.type]));
    near.client.reducers.drop({ id: 1 });
    await desk.time.advance(1_100);
    expect(told).toEqual([['doomed', 'predicted', 'failing']]);
    const answer = expect(doomed.confirmed).rejects.toThrow('no such item');
    await desk.time.advance(3_000);
    await answer;
    expect(told.length).toBe(1);
  });
});

describe('a snapshot', () => {
  test('[PRE-17] [SES-6] that comes while calls are pending replaces the confirmed rows in one change, with the calls on top', async () => {
    setLimits({ recentBytesMax: 16_000 });
    const { desk, far, near } = await pair(0);
    const seen: number[][] = [];
    const live = far.client.live<{ id: number }>('SELECT id FROM item ORDER BY id');
    live.subscribe(() => seen.push(live.rows.map(({ id }) => id)));
    far.isReachable = false;
    far.cut();
    await desk.time.advance(10);
    // More than is kept for those who come back: the far client needs a snapshot.
    near.client.reducers.drop({ id: 1 });
    for (let id = 100; id < 103; id++) near.client.reducers.put({ id, text: 'x'.repeat(9_000) });
    await desk.time.advance(100);
    far.client.reducers.bump({ id: 2 });
    far.client.reducers.put({ id: 3, text: 'three' });
    far.isReachable = true;
    await desk.time.advance(30_000);
    expect(far.client.status.pending).toBe(0);
    expect(seen).toEqual([
      [1, 2, 3],
      [2, 3, 100, 101, 102],
    ]);
    expect(await counts(far)).toEqual(await counts(near));
  });
});

describe('a long queue', () => {
  test('[PRE-18] [PRE-20] of 10,000 calls made offline is sent in frames, reconciled in slices, and shown as it is between them', async () => {
    // No time at all: a pause after each step, so that the work of a task can be counted.
    setLimits({ reconcileSliceMs: 0 });
    const { desk, far, near } = await pair(20);
    far.isReachable = false;
    far.cut();
    await desk.time.advance(10);
    for (let i = 0; i < 10_000; i++) far.client.reducers.bump({ id: 1 });
    expect(await counts(far)).toContainEqual({ id: 1, count: 10_000 });
    // All of them depend on it.
    near.client.reducers.bump({ id: 1 });
    await desk.time.advance(10);
    const totals: number[] = [];
    const live = far.client.live<{ count: number }>('SELECT count FROM item WHERE id = 1');
    live.subscribe(() => totals.push(live.rows[0]?.count ?? 0));
    far.isReachable = true;
    let made = 0;
    for (let ms = 0; far.client.status.pending > 0 && ms < 600; ms++) {
      if (ms % 40 === 0) near.client.reducers.bump({ id: 1 });
      // The app goes on calling while what it called before is being run again.
      if (ms % 7 === 0 && ++made) far.client.reducers.bump({ id: 1 });
      await desk.time.advance(1);
    }
    await desk.time.advance(60_000);
    expect(far.client.status.pending).toBe(0);
    expect(await counts(far)).toEqual(await counts(near));
    // Whatever was shown had all calls in it that had been made: never a state in the middle of a replay.
    expect(Math.min(...totals)).toBeGreaterThanOrEqual(10_000);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    expect(made).toBeGreaterThan(10);
  }, 60_000);

  test('[PRE-20] whose connection is lost in the middle of a slice goes on from there, and each call takes effect once', async () => {
    setLimits({ reconcileSliceMs: 0 });
    const { desk, far, near } = await pair(20);
    far.isReachable = false;
    far.cut();
    await desk.time.advance(10);
    const calls = Array.from({ length: 200 }, () => far.client.reducers.bump({ id: 1 }));
    near.client.reducers.bump({ id: 1 });
    await desk.time.advance(10);
    far.isReachable = true;
    for (let i = 0; i < 12; i++) {
      await desk.time.advance(400 + i);
      near.client.reducers.bump({ id: 1 });
      await desk.time.advance(i);
      far.cut();
    }
    await desk.time.advance(60_000);
    expect(calls.map(({ state }) => state)).toEqual(calls.map(() => 'confirmed'));
    expect(await counts(far)).toContainEqual({ id: 1, count: 213 });
    expect(await counts(near)).toContainEqual({ id: 1, count: 213 });
  });
});
