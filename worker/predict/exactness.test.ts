/** Predictions come true: times, chance, uuids and autoInc values of calls in flight, alone and among others. */

import { expect, test } from 'vitest';
import { Random } from '../../test/simulation/random.ts';
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

test('[PRE-15] [AUT-11] [AUT-12] of 8 clients that insert into one table at once, 99.9 % of the predicted ids are the final ones', async () => {
  const desk = await Desk.open();
  const random = new Random('eight');
  const seats: Seat[] = [];
  for (let i = 0; i < 8; i++) {
    const seat = await desk.seat();
    seat.client.simulate({ latencyMs: random.integer(0, 300) });
    seats.push(seat);
  }
  const predicted = new Map<string, bigint>();
  // The first that a client hears of its own notes is what it predicted.
  for (const [who, { client }] of seats.entries()) {
    client.tables.note.onInsert(({ id, text }) => {
      if (text.startsWith(`${who} `) && !predicted.has(text)) predicted.set(text, id);
    });
  }
  for (let n = 0; n < 1_000; n++) {
    const who = random.integer(0, 7);
    const text = `${who} ${n}`;
    (seats[who] as Seat).client.reducers.write({ text });
    expect(predicted.has(text)).toBe(true);
    if (random.chance(0.5)) await desk.time.advance(random.integer(1, 10));
    // Refused: a value is drawn, and left as a gap.
    if (random.chance(0.05)) (seats[who] as Seat).client.reducers.write({ text: '' }).confirmed.catch(() => {});
  }
  await desk.time.advance(2_000);
  const final = new Map(desk.home.rows('note').map((row) => [String(row['text']), row['id'] as bigint]));
  expect([final.size, predicted.size, new Set(final.values()).size]).toEqual([1_000, 1_000, 1_000]);
  const exact = [...predicted].filter(([text, id]) => final.get(text) === id).length;
  expect(exact / 1_000).toBeGreaterThanOrEqual(0.999);
}, 60_000);

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
