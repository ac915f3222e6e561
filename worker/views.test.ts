/** Views as an app meets them: read-only tables whose rows the authority computes. */

import { describe, expect, expectTypeOf, test } from 'vitest';
import { Home, TestTime } from '../core/authority/home.testing.ts';
import { hallModule } from '../core/session/views.testing.ts';
import { Identity } from '../core/value/identity.ts';
import type { Client } from './client/client.ts';
import { Desk, type Seat } from './desk.testing.ts';

type HallClient = Client<typeof hallModule>;

async function open(): Promise<{ desk: Desk; seat: () => Promise<{ seat: Seat; client: HallClient }> }> {
  const time = new TestTime();
  const desk = new Desk(time, await Home.open(hallModule, { time }));
  return {
    desk,
    seat: async () => {
      const seat = await desk.seat({ module: hallModule });
      return { seat, client: seat.client as unknown as HallClient };
    },
  };
}

const meOf = (client: HallClient): Identity => Identity.fromString(client.status.identity ?? '');

describe('views at a client', () => {
  test('[VIW-6] have rows while they are subscribed to, which live queries follow and joins read', async () => {
    const { desk, seat } = await open();
    const { client } = await seat();
    const me = meOf(client);
    const mine = client.live(client.tables.mine.where((p) => p.score.gt(1)).orderBy((p) => p.score.desc()));
    const joined = client.live<{ line: string; score: number }>(
      'SELECT my_notes.line, player.score FROM my_notes JOIN player ON player.id = my_notes.id ORDER BY 1',
    );
    client.reducers.setPlayer({ id: 1, who: me, room: 0, score: 2, gone: false });
    client.reducers.setPlayer({ id: 2, who: me, room: 0, score: 9, gone: false });
    client.reducers.setNote({ id: 1, room: 0, text: 'hello', broken: false, gone: false });
    await desk.time.advance(100);
    expect(mine.rows).toEqual([]);

    const handle = client.subscribe([client.tables.mine, client.tables.myNotes]);
    await desk.time.advance(100);
    expectTypeOf(mine.rows[0]?.score).toEqualTypeOf<number | undefined>();
    expect(mine.rows.map(({ score }) => score)).toEqual([9, 2]);
    expect(joined.rows).toEqual([{ line: 'hello', score: 2 }]);

    client.reducers.setPlayer({ id: 1, who: me, room: 0, score: 5, gone: false });
    await desk.time.advance(100);
    expect(mine.rows.map(({ score }) => score)).toEqual([9, 5]);
    expect(joined.rows).toEqual([{ line: 'hello', score: 5 }]);
    handle.unsubscribe();
    await desk.time.advance(100);
    expect([mine.rows, joined.rows]).toEqual([[], []]);
  });

  test('[VIW-6] tell updates by their primary key', async () => {
    const { desk, seat } = await open();
    const { client } = await seat();
    const me = meOf(client);
    const told: string[] = [];
    client.tables.myNotes.onInsert(({ line }) => told.push(`+${line}`));
    client.tables.myNotes.onUpdate((before, after) => told.push(`${before.line}>${after.line}`));
    client.tables.myNotes.onDelete(({ line }) => told.push(`-${line}`));
    client.subscribe(client.tables.myNotes);
    client.reducers.setPlayer({ id: 1, who: me, room: 0, score: 2, gone: false });
    client.reducers.setNote({ id: 1, room: 0, text: 'a', broken: false, gone: false });
    await desk.time.advance(100);
    client.reducers.setNote({ id: 1, room: 0, text: 'b', broken: false, gone: false });
    await desk.time.advance(100);
    client.reducers.setNote({ id: 1, room: 0, text: 'b', broken: false, gone: true });
    await desk.time.advance(100);
    expect(told).toEqual(['+a', 'a>b', '-b']);
  });

  test('[VIW-6] are computed by the authority only, and differ from viewer to viewer', async () => {
    const { desk, seat } = await open();
    const [{ client: one }, { client: two }] = [await seat(), await seat()];
    const rowsOf = (client: HallClient) => client.live(client.tables.myFirst);
    const [ofOne, ofTwo] = [rowsOf(one), rowsOf(two)];
    for (const client of [one, two]) client.subscribe(client.tables.myFirst);
    await desk.time.advance(100);
    one.simulate({ latencyMs: 500 });
    one.reducers.setPlayer({ id: 1, who: meOf(one), room: 0, score: 1, gone: false });
    await desk.time.advance(10);
    expect(ofOne.rows).toEqual([]);
    await desk.time.advance(2_000);
    expect(ofOne.rows.map(({ id }) => id)).toEqual([1]);
    expect(ofTwo.rows).toEqual([]);
  });

  test('[VIW-6] are here again after a connection was lost', async () => {
    const { desk, seat } = await open();
    const { client, seat: lost } = await seat();
    const { client: other } = await seat();
    const mine = client.live(client.tables.mine);
    client.subscribe(client.tables.mine);
    client.reducers.setPlayer({ id: 1, who: meOf(client), room: 0, score: 1, gone: false });
    await desk.time.advance(100);
    lost.isReachable = false;
    lost.cut();
    await desk.time.advance(100);
    other.reducers.setPlayer({ id: 1, who: meOf(client), room: 0, score: 7, gone: false });
    await desk.time.advance(100);
    expect(mine.rows.map(({ score }) => score)).toEqual([1]);
    lost.isReachable = true;
    await desk.time.advance(60_000);
    expect(mine.rows.map(({ score }) => score)).toEqual([7]);
  });
});
