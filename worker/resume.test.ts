/** What survives a lost connection, and what calls draw, as an app meets it. */

import { describe, expect, test } from 'vitest';
import { Desk, type Seat } from './desk.testing.ts';

/** A small generator with a fixed seed: the breaks fall somewhere else in each round, and the same in each run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 0x1_0000_0000;
  };
}

function notes(seat: Seat): readonly { readonly id: bigint; readonly text: string }[] {
  const live = seat.client.live(seat.client.tables.note);
  const { rows } = live;
  live.close();
  return rows;
}

describe('a client that connects again', () => {
  test('[CLI-13] does so at once when the network is back or the page is looked at again', async () => {
    const desk = await Desk.open();
    const seat = await desk.seat();
    seat.isReachable = false;
    seat.cut();
    // Pauses have grown by then.
    await desk.time.advance(120_000);
    expect(seat.client.status.type).toBe('offline');
    seat.isReachable = true;
    const attempts = seat.lives.length;
    seat.host.wake();
    await desk.time.advance(1);
    expect(seat.lives.length).toBe(attempts + 1);
    expect(seat.client.status.type).toBe('live');
  });

  test('[EXO-6] sends its pending calls again in order, and each takes effect once, wherever the connection broke', async () => {
    const random = generator(7);
    for (let round = 0; round < 20; round++) {
      const desk = await Desk.open();
      const seat = await desk.seat();
      seat.client.simulate({ latencyMs: 100 });
      const calls = [];
      for (let i = 0; i < 30; i++) {
        calls.push(seat.client.reducers.write({ text: `note ${i}` }));
        await desk.time.advance(random() * 20);
        if (random() < 0.2) seat.cut();
      }
      await desk.time.advance(60_000);
      expect(calls.map(({ state }) => state)).toEqual(calls.map(() => 'confirmed'));
      const written = [...desk.home.rows('note')].sort((a, b) => Number((a['id'] as bigint) - (b['id'] as bigint)));
      expect(written.map(({ text }) => text)).toEqual(calls.map((_, i) => `note ${i}`));
      expect(desk.home.authority.durableSeq).toBe(30);
    }
  });

  test('[SES-3] [SES-4] gets what it missed and no snapshot, and then holds what a newcomer does', async () => {
    const desk = await Desk.open();
    const [one, two] = [await desk.seat(), await desk.seat()];
    for (let id = 0; id < 50; id++) one.client.reducers.put({ id, text: `t${id}` });
    await desk.time.advance(100);
    one.isReachable = false;
    one.cut();
    await desk.time.advance(10);
    two.client.reducers.drop({ id: 3 });
    two.client.reducers.bump({ id: 4 });
    two.client.reducers.put({ id: 60, text: 'new' });
    await desk.time.advance(100);
    const inserted: number[] = [];
    one.client.tables.item.onInsert(({ id }) => inserted.push(id));
    one.isReachable = true;
    await desk.time.advance(30_000);
    const newcomer = await desk.seat();
    const rows = (seat: Seat) => seat.client.live('SELECT * FROM item ORDER BY id').ready();
    expect(await rows(one)).toEqual(await rows(newcomer));
    expect(inserted).toEqual([60]);
  });
});

describe('what a call draws', () => {
  test('[PRE-15] [SES-10] autoInc values come true with calls in flight, others inserting, and calls refused in between', async () => {
    const desk = await Desk.open();
    const seats = [];
    for (let i = 0; i < 4; i++) {
      const seat = await desk.seat();
      seat.client.simulate({ latencyMs: 50 + i * 70 });
      seats.push(seat);
    }
    await desk.time.advance(1_000);
    const random = generator(3);
    const predicted = new Map<string, bigint>();
    for (let i = 0; i < 500; i++) {
      const seat = seats[Math.floor(random() * seats.length)] as Seat;
      const text = `n${i}`;
      if (random() < 0.1) void seat.client.reducers.write({ text: '' }).confirmed.catch(() => {});
      seat.client.reducers.write({ text });
      for (const note of notes(seat)) if (note.text === text) predicted.set(text, note.id);
      await desk.time.advance(random() * 4);
    }
    await desk.time.advance(5_000);
    const final = new Map(desk.home.rows('note').map(({ text, id }) => [text as string, id as bigint]));
    expect(final.size).toBe(500);
    expect([...predicted].filter(([text, id]) => final.get(text) !== id)).toEqual([]);
    expect(seats.map(({ client }) => client.counters.diverged)).toEqual([0, 0, 0, 0]);
  });

  test('[PRE-14] is drawn again in a replay', async () => {
    const desk = await Desk.open();
    const [far, near] = [await desk.seat(), await desk.seat()];
    far.client.simulate({ latencyMs: 1_000 });
    await desk.time.advance(5_000);
    const call = far.client.reducers.summarise();
    const [before] = notes(far);
    near.client.reducers.write({ text: 'another' });
    await desk.time.advance(600);
    const after = notes(far).find(({ text }) => text.endsWith(' notes'));
    expect(after).toEqual({ ...before, text: '1 notes' });
    await desk.time.advance(2_000);
    expect(await call).toMatchObject({ asPredicted: true });
  });

  test('[LIV-1] shows in live queries as their SQL gives it on the predicted rows, at every step', async () => {
    const desk = await Desk.open();
    const [one, two] = [await desk.seat(), await desk.seat()];
    one.client.simulate({ latencyMs: 80 });
    const random = generator(11);
    const sql = 'SELECT count, group_concat(id) AS ids FROM item GROUP BY count ORDER BY count';
    const live = one.client.live(sql);
    for (let i = 0; i < 120; i++) {
      const { reducers } = (random() < 0.5 ? one : two).client;
      const id = Math.floor(random() * 6);
      const call =
        random() < 0.5
          ? reducers.put({ id, text: 'x' })
          : random() < 0.7
            ? reducers.bump({ id })
            : reducers.drop({ id });
      call.confirmed.catch(() => {});
      await desk.time.advance(random() * 30);
      // Others' changes may wait for the end of the frame.
      await desk.time.advance(16);
      const fresh = one.client.live(sql);
      expect(live.rows).toEqual(fresh.rows);
      fresh.close();
    }
  });
});
