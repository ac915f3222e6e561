/** Predictions come true: times, chance, uuids and autoInc values of calls in flight, alone and among others. */

import { expect, test } from 'vitest';
import { Random } from '../../test/simulation/random.ts';
import { SimulatedStorage } from '../../test/contract/simulated-storage.ts';
import { Desk, type DeskClient, type Seat } from '../desk.testing.ts';

/** One of everything that a reducer does with rows; some of them fail, here and at the authority alike. */
function mixedCall({ reducers }: DeskClient, random: Random, n: number): void {
  const id = random.integer(0, 20);
  const text = random.pick(['red', 'green', 'blue', '']);
  switch (random.integer(0, 9)) {
    case 0:
    case 1:
      return void reducers.put({ id, text }).confirmed.catch(() => {});
    case 2:
    case 3:
      return void reducers.bump({ id }).confirmed.catch(() => {});
    case 4:
      return void reducers.drop({ id });
    case 5:
      return void reducers.stamp({ id: 1_000 + n });
    case 6:
      return void reducers.tally({ id: 10_000 + n, text });
    case 7:
      return void reducers.summarise();
    default:
      return void reducers.write({ text: text === '' ? text : `${text} ${n}` }).confirmed.catch(() => {});
  }
}

test('[PRE-3] [AUT-9] [DET-2] a client alone, 200 ms away, rolls nothing back in 1,000 mixed calls', async () => {
  const desk = await Desk.open();
  const { client } = await desk.seat();
  client.simulate({ latencyMs: 200 });
  const random = new Random('alone');
  for (let n = 0; n < 1_000; n++) {
    mixedCall(client, random, n);
    if (random.chance(0.5)) await desk.time.advance(random.integer(1, 40));
  }
  await desk.time.advance(1_000);
  expect(client.status.pending).toBe(0);
  expect(client.counters).toMatchObject({ confirmed: 1_000, diverged: 0, rolledBack: 0, replayed: 0 });
});

/** Calls at this pace, each storing its time; gives how many of them came out otherwise. */
async function divergedOf({ time }: Desk, { client }: Seat, from: number, count: number): Promise<number> {
  const before = client.counters.diverged;
  for (let i = 0; i < count; i++) {
    client.reducers.stamp({ id: from + i });
    await time.advance(100);
  }
  await time.advance(500);
  return client.counters.diverged - before;
}

test('[CLI-4] calls made before the first connection by a clock a minute ahead leave no trace in later ones', async () => {
  const desk = await Desk.open();
  const seat = await desk.seat({ isReachable: false, wallMs: 60_000 });
  seat.client.reducers.put({ id: 1, text: 'early' });
  await desk.time.advance(100);
  seat.isReachable = true;
  await desk.time.advance(10_000);
  expect(await divergedOf(desk, seat, 1_000, 50)).toBe(0);
});

test.each([-10_000, 10_000, -1_000, 400])(
  '[CLI-4] a step of %d ms of the authority costs what is on its way',
  async (stepMs) => {
    const desk = await Desk.open();
    const seat = await desk.seat();
    seat.client.simulate({ latencyMs: 40 });
    await desk.time.advance(10_000);
    desk.home.skew.wallMs += stepMs;
    expect(await divergedOf(desk, seat, 2_000, 50)).toBeLessThanOrEqual(2);
    expect(await divergedOf(desk, seat, 3_000, 100)).toBe(0);
  },
);

test('[CLI-4] a machine that slept for an hour, its clock with it, costs one call at most', async () => {
  const desk = await Desk.open();
  const seat = await desk.seat();
  seat.client.simulate({ latencyMs: 4 });
  await desk.time.advance(30_000);
  seat.client.simulate({ latencyMs: 60 });
  seat.skew.monotonicMs -= 3_600_000;
  desk.time.nowMs += 3_600_000;
  expect(await divergedOf(desk, seat, 2_000, 100)).toBeLessThanOrEqual(1);
  // Nor does a step of the wall clock alone.
  seat.skew.wallMs += 3_600_000;
  expect(await divergedOf(desk, seat, 3_000, 50)).toBe(0);
});

/** What each client predicts of its own notes' ids, and what came of it, in parts of a hundred. */
async function exactIds(calls: { each: number; atOnce: number; pauseMs: number; latencyMs: (who: number) => number }) {
  const desk = await Desk.open();
  const seats: Seat[] = [];
  for (let who = 0; who < 8; who++) {
    const seat = await desk.seat();
    seat.client.simulate({ latencyMs: calls.latencyMs(who) });
    seats.push(seat);
  }
  await desk.time.advance(1_000);
  const predicted = new Map<string, bigint>();
  // The first that a client hears of its own notes is what it predicted.
  for (const [who, { client }] of seats.entries()) {
    client.tables.note.onInsert(({ id, text }) => {
      if (text.startsWith(`${who} `) && !predicted.has(text)) predicted.set(text, id);
    });
  }
  for (let n = 0; n < calls.each; n++) {
    for (const [who, { client }] of seats.entries()) {
      client.reducers.write({ text: `${who} ${n}` });
      // Refused: a value is drawn, and left as a gap.
      if (n % 20 === who) client.reducers.write({ text: '' }).confirmed.catch(() => {});
    }
    if (n % calls.atOnce === calls.atOnce - 1) await desk.time.advance(calls.pauseMs);
  }
  await desk.time.advance(10_000);
  const final = new Map(desk.home.rows('note').map((row) => [String(row['text']), row['id'] as bigint]));
  expect([final.size, predicted.size, new Set(final.values()).size]).toEqual(
    Array.from({ length: 3 }, () => calls.each * 8),
  );
  return [...predicted].filter(([text, id]) => final.get(text) === id).length / final.size;
}

test('[PRE-15] [AUT-11] [AUT-12] of 8 clients that insert into one table at once, 99.9 % of the predicted ids are the final ones', async () => {
  const paced = { each: 125, atOnce: 1, pauseMs: 10, latencyMs: (who: number) => who * 40 };
  expect(await exactIds(paced)).toBeGreaterThanOrEqual(0.999);
}, 60_000);

test('[AUT-16] so they are when each inserts a thousand a second, 200 ms away, and when all insert hundreds in one go', async () => {
  const latencyMs = () => 200;
  expect(await exactIds({ each: 300, atOnce: 1, pauseMs: 1, latencyMs })).toBeGreaterThanOrEqual(0.999);
  expect(await exactIds({ each: 300, atOnce: 300, pauseMs: 1, latencyMs })).toBeGreaterThanOrEqual(0.999);
}, 60_000);

test('[AUT-16] of one client that inserts 10,000 rows offline and then as many again, all of them are', async () => {
  const desk = await Desk.open();
  const { client, ...seat } = await desk.seat();
  void seat;
  await desk.time.advance(1_000);
  client.simulate({ offline: true });
  const predicted = new Map<string, bigint>();
  client.tables.note.onInsert(({ id, text }) => {
    if (!predicted.has(text)) predicted.set(text, id);
  });
  for (const from of [0, 5_000]) {
    for (let n = from; n < from + 5_000; n++) client.reducers.write({ text: `${n}` });
    client.simulate({ offline: from === 0 });
    await desk.time.advance(10);
  }
  client.simulate({ offline: false });
  await desk.time.advance(30_000);
  expect(client.status.pending).toBe(0);
  const final = desk.home.rows('note');
  expect([final.length, predicted.size]).toEqual([10_000, 10_000]);
  expect(final.every(({ text, id }) => predicted.get(String(text)) === id)).toBe(true);
}, 60_000);

test('[PRE-15] a call that draws more values when it runs again takes none of those that the next ones hold', async () => {
  const desk = await Desk.open();
  const [far, near] = [await desk.seat(), await desk.seat()];
  near.client.reducers.put({ id: 1, text: 'one' });
  await desk.time.advance(50);
  far.client.simulate({ latencyMs: 400 });
  near.client.reducers.bump({ id: 1 });
  await desk.time.advance(300);
  const filling = far.client.reducers.fill({ id: 1 });
  const next = far.client.reducers.write({ text: 'next' });
  const told: unknown[] = [];
  next.onOutcomeChange((change) => told.push(change));
  const notes = far.client.live(far.client.tables.note);
  const id = notes.rows.find(({ text }) => text === 'next')?.id;
  // It runs again, and draws two.
  near.client.reducers.bump({ id: 1 });
  await desk.time.advance(3_000);
  expect([filling.state, next.state, told]).toEqual(['confirmed', 'confirmed', []]);
  expect(notes.rows.find(({ text }) => text === 'next')?.id).toBe(id);
  expect(notes.rows).toHaveLength(3);
  expect(next.confirmation).toMatchObject({ asPredicted: true });
});

test('[PRE-25] who calls, on which connection, and to which database are as predicted, also after a reconnect', async () => {
  const desk = await Desk.open();
  const storage = new SimulatedStorage();
  let seat = await desk.seat({ store: storage.connect() });
  await desk.time.advance(100);
  const online = seat.client.reducers.whoami({ id: 1 });
  await desk.time.advance(100);
  seat.isReachable = false;
  seat.cut();
  await desk.time.advance(10);
  const away = seat.client.reducers.whoami({ id: 2 });
  seat.isReachable = true;
  await desk.time.advance(30_000);
  for (const call of [online, away]) expect(call.confirmation).toMatchObject({ asPredicted: true });
  await seat.client.close();
  // An offline start knows the database from the last one.
  seat = await desk.seat({ store: storage.connect(), isReachable: false });
  const offline = seat.client.reducers.whoami({ id: 3 });
  seat.isReachable = true;
  await desk.time.advance(30_000);
  expect(offline.confirmation).toMatchObject({ asPredicted: true });
  expect(desk.home.rows('item').map(({ text }) => String(text).split(' ')[0])).toEqual(
    Array.from({ length: 3 }, () => desk.home.authority.databaseIdentity.toHexString()),
  );
});

test.each([
  ['hours offline', { wallMs: 0, awayMs: 3 * 3_600_000 }],
  ['with a clock a minute ahead, before the first connection', { wallMs: 60_000, awayMs: 100 }],
])('[DET-2] what a call draws comes true after %s, and calls that build on it are not rejected', async (_, skew) => {
  const desk = await Desk.open();
  const far = await desk.seat({ wallMs: skew.wallMs });
  await desk.time.advance(50);
  far.isReachable = false;
  far.cut();
  await desk.time.advance(10);
  const first = far.client.reducers.write({ text: 'draft' });
  const notes = far.client.live(far.client.tables.note);
  const [draft] = notes.rows;
  if (draft === undefined) throw new Error('a note was predicted');
  const second = far.client.reducers.rewrite({ name: draft.name, text: 'clean copy' });
  await desk.time.advance(skew.awayMs);
  far.isReachable = true;
  await desk.time.advance(30_000);
  expect([first.state, second.state]).toEqual(['confirmed', 'confirmed']);
  const { id, dice, name } = draft;
  expect(notes.rows).toMatchObject([{ id, dice, name, text: 'clean copy' }]);
  expect(desk.home.rows('note')).toMatchObject([{ id, dice, name, text: 'clean copy' }]);
});
