import { createCollection, createLiveQueryCollection, eq } from '@tanstack/db';
import { describe, expect, test } from 'vitest';
import { Desk } from './desk.testing.ts';
import { forerunCollection } from './tanstack-db.ts';

async function opened() {
  const desk = await Desk.open();
  const { client } = await desk.seat();
  const items = createCollection(
    forerunCollection(client, client.tables.item, {
      insert: ({ id, text }) => client.reducers.put({ id, text }),
      update: ({ id }) => client.reducers.bump({ id }),
      delete: ({ id }) => client.reducers.drop({ id }),
    }),
  );
  await items.preload();
  return { desk, client, items };
}

describe('[LIV-12] a table as a collection of TanStack DB', () => {
  test('has the predicted rows at once, and goes back with them when the authority rejects the call', async () => {
    const { desk, client, items } = await opened();
    client.reducers.put({ id: 1, text: 'a' });
    expect(items.toArray).toMatchObject([{ id: 1, text: 'a', count: 0 }]);
    await desk.time.advance(10);
    client.simulate({ latencyMs: 100 });
    const call = client.reducers.bump({ id: 1 });
    const answer = expect(call.confirmed).rejects.toThrow('no such item');
    expect(items.get(1)?.count).toBe(1);
    // Another client is first.
    (await desk.seat()).client.reducers.drop({ id: 1 });
    await desk.time.advance(500);
    await answer;
    expect(items.size).toBe(0);
  });

  test('follows changes of others, and its own queries follow it', async () => {
    const { desk, items } = await opened();
    const waited = createLiveQueryCollection((q) =>
      q
        .from({ item: items })
        .where(({ item }) => eq(item.text, 'waited'))
        .orderBy(({ item }) => item.id, 'desc')
        .limit(2),
    );
    await waited.preload();
    const { reducers } = (await desk.seat()).client;
    for (const id of [1, 2, 3]) reducers.wait({ id });
    reducers.put({ id: 4, text: 'no' });
    await desk.time.advance(100);
    expect(waited.toArray.map(({ id }) => id)).toEqual([3, 2]);
    reducers.drop({ id: 3 });
    await desk.time.advance(100);
    expect(waited.toArray.map(({ id }) => id)).toEqual([2, 1]);
  });

  test('changes rows by reducers: what it shows meanwhile is the prediction', async () => {
    const { desk, client, items } = await opened();
    client.simulate({ latencyMs: 100 });
    const inserted = items.insert({ id: 7, text: 'a', count: 0 });
    expect(items.get(7)?.text).toBe('a');
    await inserted.isPersisted.promise;
    expect(desk.home.rows('item')).toEqual([]);
    expect(items.get(7)).toMatchObject({ id: 7, text: 'a', count: 0 });
    await items.update(7, (row) => {
      row.count = 1;
    }).isPersisted.promise;
    expect(items.get(7)?.count).toBe(1);
    await desk.time.advance(200);
    expect(desk.home.rows('item')).toEqual([{ id: 7, text: 'a', count: 1 }]);
    await items.delete(7).isPersisted.promise;
    expect(items.size).toBe(0);
    await desk.time.advance(200);
    expect(desk.home.rows('item')).toEqual([]);
  });

  test('keeps what is left to the authority in sight until that has answered', async () => {
    const { desk, client } = await opened();
    const waiting = createCollection(
      forerunCollection(client, client.tables.item, { insert: ({ id }) => client.reducers.wait({ id }) }),
    );
    await waiting.preload();
    client.simulate({ latencyMs: 100 });
    const inserted = waiting.insert({ id: 7, text: 'waited', count: 0 });
    let isPersisted = false;
    void inserted.isPersisted.promise.then(() => (isPersisted = true));
    await desk.time.advance(60);
    expect([isPersisted, waiting.has(7), desk.home.rows('item').length]).toEqual([false, true, 1]);
    await desk.time.advance(100);
    expect([isPersisted, waiting.get(7)]).toMatchObject([true, { id: 7, text: 'waited', count: 0 }]);
  });

  test('rejects what throws here when the authority has rejected it', async () => {
    const { desk, client, items } = await opened();
    client.simulate({ latencyMs: 100 });
    const inserted = items.insert({ id: 9, text: '', count: 0 });
    const answer = expect(inserted.isPersisted.promise).rejects.toThrow('there is nothing to put');
    await desk.time.advance(50);
    expect(inserted.state).toBe('persisting');
    await desk.time.advance(100);
    await answer;
    expect([inserted.state, items.has(9)]).toEqual(['failed', false]);
  });

  test('takes any query of the builder, with a key where there is none', async () => {
    const { desk, client } = await opened();
    const counts = client.tables.item.groupBy((i) => i.text).select((i) => ({ text: i.text, count: i.text }));
    expect(() => forerunCollection(client, counts)).toThrow(/no primary key/);
    const texts = createCollection(forerunCollection(client, counts, { getKey: (row) => row.text }));
    await texts.preload();
    client.reducers.put({ id: 1, text: 'a' });
    client.reducers.put({ id: 2, text: 'a' });
    await desk.time.advance(10);
    expect(texts.toArray).toMatchObject([{ text: 'a', count: 'a' }]);
    const long = createCollection(
      forerunCollection(
        client,
        client.tables.item.where((i) => i.id.gt(1)),
      ),
    );
    await long.preload();
    expect(long.toArray.map(({ id }) => id)).toEqual([2]);
  });

  test('stops its query when it is cleaned up', async () => {
    const { desk, client, items } = await opened();
    await items.cleanup();
    client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(10);
    expect(items.size).toBe(0);
  });
});
