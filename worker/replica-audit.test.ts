/** The replica proves itself: damage is found, told and repaired; nothing is found where there is none. */

import { expect, onTestFinished, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { TableStore } from '../core/engine/table-store.ts';
import type { Row } from '../core/commit/row-change.ts';
import type { ReplicaDifference } from './client/host-api.ts';
import { Desk, type Seat } from './desk.testing.ts';

const checkMs = limits.stateCheckMs;

async function pair(
  first: 'all' | readonly string[] = 'all',
  second: 'all' | readonly string[] = 'all',
): Promise<{ desk: Desk; one: Seat; two: Seat; told: ReplicaDifference[] }> {
  const desk = await Desk.open();
  const [one, two] = [await desk.seat({ subscribe: first }), await desk.seat({ subscribe: second })];
  const told: ReplicaDifference[] = [];
  for (let id = 0; id < 1_200; id++) two.client.reducers.put({ id, text: `item ${id}` });
  await desk.time.advance(100);
  for (const { client } of [one, two]) client.onDifference((difference) => told.push(difference));
  return { desk, one, two, told };
}

/** The items of a replica, which can't be reached from outside a host: the first that are read to be compared. */
async function itemsOfAReplica(desk: Desk): Promise<TableStore> {
  const original = TableStore.prototype.page;
  const authority = desk.home.authority.engine.store(0);
  const found: TableStore[] = [];
  TableStore.prototype.page = function (this: TableStore, ...args): Row[] {
    if (this !== authority && this.shape.table.accessor === 'item') found.push(this);
    return original.apply(this, args);
  };
  onTestFinished(() => {
    TableStore.prototype.page = original;
  });
  for (let ms = 0; ms < 60_000 && found.length === 0; ms += 10) await desk.time.advance(10);
  return found[0] as TableStore;
}

const damages: readonly (readonly [string, (items: TableStore) => void])[] = [
  ['another value in the row cache alone', (items) => Object.assign(items.read(7) as object, { count: 99 })],
  ['another value', (items) => void items.write(7, { id: 7, text: 'damaged', count: 9 })],
  ['a row less', (items) => void items.write(1_100, undefined)],
  ['a row more', (items) => void items.write(5_000, { id: 5_000, text: 'never written', count: 0 })],
];

test.for(damages)('[HSH-3] damage (%s) in a replica is found, told and repaired', async ([, damage]) => {
  const { desk, one, two, told } = await pair();
  const items = await itemsOfAReplica(desk);
  // Whatever has been read by then is read again after a while.
  damage(items);
  await desk.time.advance(60_000 + 6 * checkMs);
  expect(one.client.counters.differences + two.client.counters.differences).toBe(1);
  expect(told).toMatchObject([{ tables: ['item'], isRepaired: true, rowCount: 1, samples: [{ table: 'item' }] }]);
  for (const { client } of [one, two]) {
    const live = client.live(client.tables.item);
    expect(live.rows).toEqual(desk.home.rows('item'));
    live.close();
    expect(client.status.type).toBe('live');
  }
});

const some = [
  'SELECT * FROM item WHERE id < 9',
  'SELECT * FROM item WHERE id >= 5 AND id < 1150',
  'SELECT * FROM note',
];
const rest = ["SELECT * FROM item WHERE text = 'item 1180'", "SELECT * FROM item WHERE text = 'item 1181'"];

test.for(damages)('[HSH-6] damage (%s) among some rows of a table is found, told and repaired', async ([, damage]) => {
  const { desk, one, two, told } = await pair(some, rest);
  const items = await itemsOfAReplica(desk);
  damage(items);
  await desk.time.advance(60_000 + 6 * checkMs);
  expect(one.client.counters.differences + two.client.counters.differences).toBe(1);
  expect(told).toMatchObject([{ tables: ['item'], isRepaired: true, rowCount: 1, samples: [{ table: 'item' }] }]);
  const rows = desk.home.rows('item') as readonly { readonly id: number }[];
  expect(one.client.live(one.client.tables.item).rows).toEqual(rows.filter(({ id }) => id < 1_150));
  expect(two.client.live(two.client.tables.item).rows).toEqual(rows.filter(({ id }) => id === 1_180 || id === 1_181));
});

test('[HSH-6] [HSH-4] rows that enter and leave subscriptions, predicted or not, and subscriptions that come and go differ in nothing', async () => {
  const { desk, one, two, told } = await pair(
    ['SELECT * FROM item WHERE count = 0'],
    ["SELECT * FROM item WHERE text = 'a'"],
  );
  one.client.simulate({ latencyMs: 1_000 });
  const texts = ['a', 'b', 'c'];
  let more: { readonly unsubscribe: () => void } | undefined;
  for (let i = 0; i < 900; i++) {
    one.client.reducers.put({ id: i % 300, text: texts[i % 3] ?? '' });
    one.client.reducers.bump({ id: (i * 7) % 300 }).confirmed.catch(() => {});
    two.client.reducers.put({ id: (i * 11) % 300, text: texts[(i + 1) % 3] ?? '' });
    if (i % 5 === 0) two.client.reducers.drop({ id: (i * 3) % 300 });
    if (i % 100 === 0) more = two.client.subscribe(["SELECT * FROM item WHERE text = 'b'"]);
    if (i % 100 === 50) more?.unsubscribe();
    await desk.time.advance(60);
  }
  await desk.time.advance(3 * checkMs);
  expect(told).toEqual([]);
  expect(one.client.counters.checked).toBeGreaterThan(4);
  expect(two.client.counters.checked).toBeGreaterThan(4);
});

test('[HSH-5] damage that comes again and again is told, and not every time repaired', async () => {
  const { desk, told } = await pair();
  const items = await itemsOfAReplica(desk);
  for (let minute = 0; minute < 3; minute++) {
    for (let i = 0; i < 12; i++) {
      items.write(7, { id: 7, text: `damaged ${minute} ${i}`, count: 9 });
      await desk.time.advance(checkMs);
    }
  }
  const repaired = told.filter(({ isRepaired }) => isRepaired).length;
  expect(repaired).toBeGreaterThan(0);
  expect(repaired).toBeLessThanOrEqual(4);
});

test('[HSH-4] a client with pending calls, among others that commit, is compared and found to have what the authority has', async () => {
  const { desk, one, two, told } = await pair();
  one.client.simulate({ latencyMs: 2_000 });
  for (let i = 0; i < 600; i++) {
    one.client.reducers.bump({ id: i * 2 });
    one.client.reducers.drop({ id: 1_199 - i });
    two.client.reducers.put({ id: 2_000 + i, text: 'new' });
    if (i % 3 === 0) two.client.reducers.bump({ id: i }).confirmed.catch(() => {});
    one.client.reducers.put({ id: i, text: 'again' });
    await desk.time.advance(60);
  }
  await desk.time.advance(3 * checkMs);
  expect(told).toEqual([]);
  expect([one.client.counters.differences, two.client.counters.differences]).toEqual([0, 0]);
  expect(one.client.counters.checked).toBeGreaterThan(4);
  expect(two.client.counters.checked).toBeGreaterThan(4);
});
