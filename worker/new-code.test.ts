/** A module is edited while clients are connected: the shapes stay, the code is another. */

import { expect, test } from 'vitest';
import { defineModule } from '../core/module/module.ts';
import { Desk, type Seat } from './desk.testing.ts';
import * as deskAgain from './desk-again.testing.ts';

const url = new URL('./desk-again.testing.ts', import.meta.url).href;

function count({ client }: Seat): unknown {
  const live = client.live('SELECT count FROM item WHERE id = 1');
  const [row] = live.rows;
  live.close();
  return row?.['count'];
}

test('[DEV-1] pending calls are kept and run again with the new code, which the authority runs from there on', async () => {
  const desk = await Desk.open();
  const seat = await desk.seat();
  seat.client.reducers.put({ id: 1, text: 'one' });
  await desk.time.advance(50);
  const connections = seat.lives.length;

  seat.client.simulate({ latencyMs: 200 });
  const calls = [seat.client.reducers.bump({ id: 1 }), seat.client.reducers.bump({ id: 1 })];
  expect(count(seat)).toBe(2);
  await seat.host.adopt(url);
  expect(count(seat)).toBe(20);
  expect(calls.map(({ state }) => state)).toEqual(['predicted', 'predicted']);

  desk.home.authority.adopt(defineModule(deskAgain));
  await desk.time.advance(500);
  expect(await Promise.all(calls)).toMatchObject([{ asPredicted: true }, { asPredicted: true }]);
  expect(count(seat)).toBe(20);
  expect(seat.lives.length).toBe(connections);
  expect([...desk.home.rows('item')]).toMatchObject([{ id: 1, count: 20 }]);
});
