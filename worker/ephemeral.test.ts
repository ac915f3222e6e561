/** Ephemeral rows as an app meets them: predicted, told of, and gone. */

import { describe, expect, test } from 'vitest';
import { Home, TestTime } from '../core/authority/home.testing.ts';
import * as plaza from '../core/authority/plaza.testing.ts';
import type { Client } from './client/client.ts';
import { Desk, type Seat } from './desk.testing.ts';

type PlazaClient = Client<typeof plaza>;

async function open(): Promise<{
  desk: Desk;
  seat: (latencyMs?: number) => Promise<{ seat: Seat; client: PlazaClient }>;
}> {
  const time = new TestTime();
  const desk = new Desk(time, await Home.open(plaza, { time }));
  return {
    desk,
    seat: async (latencyMs = 0) => {
      const seat = await desk.seat({ module: plaza });
      const client = seat.client as unknown as PlazaClient;
      if (latencyMs > 0) client.simulate({ latencyMs });
      return { seat, client };
    },
  };
}

const xs = (client: PlazaClient, table: 'cursor' | 'ball' | 'mark') => {
  const live = client.live<{ x: number }>(`SELECT x FROM ${table} ORDER BY x`);
  const rows = live.rows.map(({ x }) => x);
  live.close();
  return rows;
};

/** What an app that listens to the rows of a table is told, in order. */
function story(client: PlazaClient, table: 'cursor' | 'ball'): string[] {
  const told: string[] = [];
  client.tables[table].onInsert((row) => told.push(`+${row.x}`));
  client.tables[table].onUpdate((before, after) => told.push(`${before.x}>${after.x}`));
  client.tables[table].onDelete((row) => told.push(`-${row.x}`));
  return told;
}

describe('ephemeral rows at a client', () => {
  test('[EPH-10] that it writes itself are there at once, and the answers move nothing', async () => {
    const { desk, seat } = await open();
    const { client } = await seat(80);
    const told = story(client, 'cursor');
    const calls = [];
    for (let x = 1; x <= 30; x++) {
      calls.push(client.reducers.aim({ x, y: 0 }));
      expect(xs(client, 'cursor')).toEqual([x]);
      await desk.time.advance(16);
    }
    await desk.time.advance(1_000);
    expect(told).toEqual(['+1', ...Array.from({ length: 29 }, (_, i) => `${i + 1}>${i + 2}`)]);
    expect(calls.map(({ state }) => state)).toEqual(calls.map(() => 'confirmed'));
    expect(client.counters).toMatchObject({ diverged: 0, rolledBack: 0, replayed: 0, confirmed: 30 });
  });

  test('[EPH-10] that others write arrive, and queries join them with ordinary ones', async () => {
    const { desk, seat } = await open();
    const { client: one } = await seat();
    const { client: two, seat: twoSeat } = await seat();
    const joined = one.live<{ id: number; aim: number }>(
      'SELECT mark.id, cursor.x AS aim FROM mark JOIN cursor ON cursor.id = mark.by ORDER BY mark.id',
    );
    two.reducers.aim({ x: 5, y: 0 });
    two.reducers.stamp({ id: 1 });
    two.reducers.plant({ id: 2, x: 0 });
    await desk.time.advance(200);
    expect(joined.rows).toEqual([
      { id: 1, aim: 6 },
      { id: 2, aim: 6 },
    ]);
    two.reducers.aim({ x: 50, y: 0 });
    await desk.time.advance(200);
    expect(joined.rows.map(({ aim }) => aim)).toEqual([50, 50]);
    twoSeat.isReachable = false;
    twoSeat.cut();
    await desk.time.advance(200);
    expect(joined.rows).toEqual([]);
    expect(xs(one, 'mark')).toEqual([0, 5]);
  });

  test('[EPH-8] give way to what the authority made of the call, with nobody else around', async () => {
    const { desk, seat } = await open();
    const { client: one } = await seat(50);
    const { client: two } = await seat();
    // Counts the marks: the client knows fewer of them than there are.
    two.reducers.plant({ id: 1, x: 0 });
    two.reducers.plant({ id: 2, x: 0 });
    const call = one.reducers.guess({ id: 7 });
    await desk.time.advance(1);
    expect(xs(one, 'ball')).toEqual([0]);
    await desk.time.advance(500);
    expect(xs(one, 'ball')).toEqual([2]);
    expect(call.state).toBe('confirmed');
    expect(xs(two, 'ball')).toEqual([2]);
  });

  test('[EPH-10] written by several at once end up the same everywhere', async () => {
    const { desk, seat } = await open();
    const seats = [await seat(40), await seat(90), await seat(5)];
    let at = 7;
    for (let i = 0; i < 200; i++) {
      at = (at * 31 + 11) % 97;
      const { client } = seats[at % 3] as (typeof seats)[number];
      if (at % 4 === 0) client.reducers.aim({ x: i, y: 0 });
      else if (at % 7 === 0) client.reducers.plant({ id: i, x: i });
      else client.reducers.toss({ id: at % 3, x: i });
      await desk.time.advance(at % 23);
    }
    await desk.time.advance(1_000);
    const sorted = (table: string) =>
      desk.home
        .rows(table)
        .map((row) => row['x'] as number)
        .sort((a, b) => a - b);
    for (const { client } of seats) {
      for (const table of ['ball', 'cursor', 'mark'] as const) expect(xs(client, table)).toEqual(sorted(table));
    }
    expect(sorted('ball').length + sorted('cursor').length).toBeGreaterThan(3);
  });

  test('[EPH-9] [EPH-11] of others are forgotten without a connection, and are all there again with one', async () => {
    const { desk, seat } = await open();
    const { client: one, seat: oneSeat } = await seat();
    const { client: two } = await seat();
    two.reducers.aim({ x: 2, y: 0 });
    one.reducers.aim({ x: 1, y: 0 });
    await desk.time.advance(200);
    expect(xs(one, 'cursor')).toEqual([1, 2]);
    oneSeat.isReachable = false;
    oneSeat.cut();
    await desk.time.advance(1_000);
    // A short break shows nothing.
    expect(xs(one, 'cursor')).toEqual([1, 2]);
    expect(xs(two, 'cursor')).toEqual([2]);
    await desk.time.advance(3_000);
    expect(xs(one, 'cursor')).toEqual([]);
    one.reducers.toss({ id: 3, x: 33 });
    two.reducers.aim({ x: 20, y: 0 });
    await desk.time.advance(100);
    expect(xs(one, 'ball')).toEqual([33]);
    oneSeat.isReachable = true;
    await desk.time.advance(60_000);
    expect([xs(one, 'cursor'), xs(one, 'ball')]).toEqual([[20], [33]]);
    expect([xs(two, 'cursor'), xs(two, 'ball')]).toEqual([[20], [33]]);
  });

  test('[EPH-4] of a stopped authority go, and calls that wait take effect once at the next', async () => {
    const { desk, seat } = await open();
    const { client, seat: own } = await seat();
    client.reducers.aim({ x: 1, y: 0 });
    await desk.time.advance(100);
    own.isReachable = false;
    own.cut();
    client.reducers.aim({ x: 2, y: 0 });
    client.reducers.plant({ id: 1, x: 9 });
    client.reducers.aim({ x: 3, y: 0 });
    await desk.time.advance(100);
    own.isReachable = true;
    await desk.time.advance(60_000);
    expect([xs(client, 'cursor'), xs(client, 'mark')]).toEqual([[3], [9]]);
    expect(desk.home.rows('cursor')).toHaveLength(1);
  });
});
