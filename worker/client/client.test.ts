import { ForerunError, SenderError } from 'forerun';
import { describe, expect, test } from 'vitest';
import { limits } from '../../core/limits.ts';
import { Desk, Seat } from '../desk.testing.ts';
import { memoryStore } from '../persist/store.ts';
import { explain } from './explain.ts';

describe('a call', () => {
  test('[CLI-5] goes from predicted to confirmed, and shows at once', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    client.simulate({ latencyMs: 200 });
    const items = client.live(client.tables.item);
    const call = client.reducers.put({ id: 1, text: 'a' });
    expect(call.state).toBe('predicted');
    expect(items.rows).toEqual([{ id: 1, text: 'a', count: 0 }]);
    await desk.time.advance(100);
    expect(call.state).toBe('predicted');
    await desk.time.advance(101);
    expect(call.state).toBe('confirmed');
    expect(await call).toEqual({ seq: 1, asPredicted: true });
  });

  test('[CLI-5] that the reducer refuses rejects with its SenderError', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    const call = client.reducers.put({ id: 1, text: '' });
    const answer = expect(call.confirmed).rejects.toThrow(SenderError);
    await desk.time.advance(1);
    await answer;
    expect(call.state).toBe('rejected');
    await expect(call).rejects.toThrow('there is nothing to put');
  });

  test('made by a listener of rows is told after the step that the listener was told of', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    const [first, second] = [client.live(client.tables.item), client.live(client.tables.item)];
    const seen: string[][] = [];
    first.subscribe(() => {
      if (first.rows.length === 1) client.reducers.put({ id: 2, text: 'b' });
    });
    second.subscribe(() => seen.push(second.rows.map(({ text }) => text)));
    client.reducers.put({ id: 1, text: 'a' });
    expect(seen).toEqual([['a'], ['a', 'b']]);
  });

  test('[CLI-7] with wrong arguments throws where it is made, and nothing is sent', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    // @ts-expect-error the text is missing
    expect(() => client.reducers.put({ id: 1 })).toThrow(expect.objectContaining({ code: 'args-invalid' }));
    expect(() => client.reducers.put({ id: -1, text: 'a' })).toThrow('put.id');
    await desk.time.advance(1);
    expect(desk.home.authority.durableSeq).toBe(0);
    expect(client.status.pending).toBe(0);
  });

  test('without parameters takes no arguments', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    client.reducers.put({ id: 1, text: 'a' });
    client.reducers.forget();
    await desk.time.advance(1);
    expect(desk.home.rows('item')).toEqual([]);
  });

  test('[CLI-8] that is unanswered when the client closes rejects with client-closed, as does every later one', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    client.simulate({ latencyMs: 500 });
    const call = client.reducers.put({ id: 1, text: 'a' });
    const answer = expect(call.confirmed).rejects.toMatchObject({ code: 'client-closed' });
    const told: string[] = [];
    client.onStatus(() => told.push(client.status.type));
    const closing = client.close();
    expect(client.status).toMatchObject({ type: 'stopped', code: 'client-closed' });
    await closing;
    await answer;
    expect(told).toEqual(['stopped']);
    expect(client.status).toMatchObject({ type: 'stopped', code: 'client-closed' });
    expect(() => client.reducers.put({ id: 2, text: 'b' })).toThrow(expect.objectContaining({ code: 'client-closed' }));
  });

  test('[CLI-6] made while the connection is lost is sent when there is one, in order', async () => {
    const desk = await Desk.open();
    const seat = await desk.seat();
    seat.isReachable = false;
    seat.cut();
    await desk.time.advance(10);
    expect(seat.client.status.type).toBe('offline');
    const calls = [1, 2, 3].map((id) => seat.client.reducers.put({ id, text: `t${id}` }));
    seat.client.reducers.bump({ id: 3 });
    await desk.time.advance(1_000);
    expect(seat.client.status).toMatchObject({ type: 'offline', pending: 4 });
    seat.isReachable = true;
    await desk.time.advance(30_000);
    expect(seat.client.status).toMatchObject({ type: 'live', pending: 0 });
    expect(await Promise.all(calls.map(async (call) => (await call).seq))).toEqual([1, 2, 3]);
    expect(desk.home.rows('item').map(({ count }) => count)).toEqual([0, 0, 1]);
  });

  test('[CLI-9] beyond the limit of pending calls is refused', async () => {
    const desk = await Desk.open();
    const seat = await desk.seat();
    seat.client.simulate({ prediction: false, latencyMs: 1_000_000 });
    for (let i = 0; i < limits.pendingCallsMax; i++) seat.client.reducers.touch({ id: i });
    const one = seat.client.reducers.touch({ id: 0 });
    await expect(one.confirmed).rejects.toMatchObject({ code: 'limit-reached' });
  });
});

describe('a client', () => {
  test('[PRE-12] leaves to the authority what it can not predict, and says why', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    const reasons = [client.reducers.wait({ id: 1 }), client.reducers.hide({ id: 1 })];
    client.simulate({ prediction: false });
    reasons.push(client.reducers.put({ id: 2, text: 'b' }));
    expect(reasons.map((call) => call.prediction)).toEqual([
      { type: 'unpredicted', reason: expect.stringContaining('predict: false') },
      { type: 'unpredicted', reason: expect.stringContaining("'secret'") },
      { type: 'unpredicted', reason: expect.stringContaining('switched off') },
    ]);
    await desk.time.advance(1);
    expect(reasons.map((call) => call.state)).toEqual(['confirmed', 'confirmed', 'confirmed']);
  });

  test('[CLI-11] keeps the token that it was given, and shows it again', async () => {
    const desk = await Desk.open();
    const store = memoryStore();
    const first = await desk.seat({ store });
    await first.client.close();
    const second = await desk.seat({ store });
    expect(second.client.status.identity).toBe(first.client.status.identity);
    const stranger = await desk.seat();
    expect(stranger.client.status.identity).not.toBe(first.client.status.identity);
    await second.client.close();
    const same = await desk.seat({ store, token: first.client.status.identity ?? '' });
    expect(same.client.status.type).toBe('live');
    await same.client.close();
    // Somebody else would send what this one did.
    const chosen = await desk.seat({ store, token: 'f'.repeat(64) });
    expect(chosen.client.status).toMatchObject({ type: 'stopped', code: 'token-invalid' });
  });

  test('is told that its rows are there, and waits for them on request', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    await client.ready();
    expect(client.status).toMatchObject({ type: 'live', ready: true, progress: 1, pending: 0 });
  });
});

describe('live rows', () => {
  test('are all there when the client is ready, of a query too that was made while it waited', async () => {
    const desk = await Desk.open();
    const writer = await desk.seat();
    writer.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1);
    const { client, opened } = new Seat(desk, {});
    await opened;
    const items = client.live(client.tables.item);
    const ready = client.ready().then(() => [items.rows, byText.rows]);
    const byText = client.live('SELECT text FROM item');
    expect([client.status.ready, items.rows]).toEqual([false, []]);
    await desk.time.advance(1);
    expect(await ready).toEqual([[{ id: 1, text: 'a', count: 0 }], [{ text: 'a' }]]);
  });

  test('[LIV-2] that did not change stay the same objects, and an unchanged result calls nobody', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    client.reducers.put({ id: 1, text: 'a' });
    client.reducers.put({ id: 2, text: 'b' });
    const items = client.live(client.tables.item);
    const texts = client.live<{ text: string }>('SELECT text FROM item ORDER BY text');
    const [one, two] = items.rows;
    const textsBefore = texts.rows;
    let calls = 0;
    texts.subscribe(() => calls++);
    client.reducers.bump({ id: 2 });
    expect(items.rows[0]).toBe(one);
    expect(items.rows[1]).not.toBe(two);
    expect(texts.rows).toBe(textsBefore);
    expect(calls).toBe(0);
    client.reducers.put({ id: 3, text: 'c' });
    expect(calls).toBe(1);
    expect(texts.rows[0]).toBe(textsBefore[0]);
  });

  test('[LIV-3] are asked for again only when a table that they read has changed', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    const random = client.live<{ r: number }>('SELECT random() AS r, count(*) FROM item');
    const [before] = random.rows;
    client.reducers.touch({ id: 1 });
    await desk.time.advance(100);
    expect(random.rows[0]).toBe(before);
    client.reducers.put({ id: 1, text: 'a' });
    expect(random.rows[0]).not.toBe(before);
  });

  test("[LIV-4] follow the page's own calls at once and others' at most once a frame", async () => {
    const desk = await Desk.open();
    const [one, two] = [await desk.seat(), await desk.seat()];
    await desk.time.advance(100);
    let calls = 0;
    one.client.live(one.client.tables.item).subscribe(() => calls++);
    const before = calls;
    for (let i = 0; i < 8; i++) {
      two.client.reducers.put({ id: i, text: 'x' });
      await desk.time.advance(1);
    }
    expect(calls - before).toBeLessThanOrEqual(2);
    await desk.time.advance(20);
    const others = calls;
    one.client.reducers.bump({ id: 1 });
    one.client.reducers.bump({ id: 1 });
    expect(calls).toBe(others + 2);
  });

  test('[LIV-5] refuse statements that write or that SQLite does not understand', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    for (const sql of [
      'DELETE FROM item',
      'PRAGMA user_version = 2',
      'SELECT nothing FROM item',
      'WITH x AS (SELECT 1) DELETE FROM item',
    ]) {
      await expect(client.live(sql).ready(), sql).rejects.toMatchObject({ code: 'query-invalid' });
    }
    expect(await client.live('SELECT count(*) AS n FROM item WHERE id > ?', 5).ready()).toEqual([{ n: 0 }]);
  });

  test('[LIV-6] are new before a call is told to be predicted or confirmed, all in one list', async () => {
    const desk = await Desk.open();
    const seat = await desk.seat();
    const items = seat.client.live(seat.client.tables.item);
    const seen: unknown[] = [];
    seat.client.onCall((call) => seen.push([call.state, items.rows.length]));
    seat.client.reducers.put({ id: 1, text: 'a' });
    await desk.time.advance(1);
    expect(seen).toEqual([
      ['calling', 0],
      ['predicted', 1],
      ['confirmed', 1],
    ]);
    const list = seat.told.find((events) => events.some((event) => event.type === 'call'));
    expect(list?.map(({ type }) => type)).toContain('rows');
  });

  test('[LIV-7] row callbacks see each predicted change once, and nothing when it is confirmed', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    const seen: unknown[] = [];
    client.tables.item.onInsert((row) => seen.push(['insert', row.id]));
    client.tables.item.onUpdate((before, after) => seen.push(['update', before.count, after.count]));
    const stop = client.tables.item.onDelete((row) => seen.push(['delete', row.id]));
    client.reducers.put({ id: 1, text: 'a' });
    client.reducers.bump({ id: 1 });
    client.reducers.drop({ id: 1 });
    await desk.time.advance(50);
    expect(seen).toEqual([
      ['insert', 1],
      ['update', 0, 1],
      ['delete', 1],
    ]);
    stop();
    client.reducers.put({ id: 1, text: 'a' });
    client.reducers.drop({ id: 1 });
    expect(seen.at(-1)).toEqual(['insert', 1]);
  });

  test('of a closed query change no more', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    const items = client.live(client.tables.item);
    items.close();
    client.reducers.put({ id: 1, text: 'a' });
    expect(items.rows).toEqual([]);
    // @ts-expect-error neither SQL nor a table
    expect(() => client.live(5)).toThrow(ForerunError);
  });
});

describe('a handle explains', () => {
  test('[PRE-12] why a call was not predicted, why it fails, and that it was confirmed as predicted', async () => {
    const desk = await Desk.open();
    const { client } = await desk.seat();
    const [put, wait, hide, refused] = [
      client.reducers.put({ id: 1, text: 'one' }),
      client.reducers.wait({ id: 2 }),
      client.reducers.hide({ id: 3 }),
      client.reducers.put({ id: 4, text: '' }),
    ];
    refused.confirmed.catch(() => {});
    expect(explain(put)).toBe('It was predicted, and changes 1 row here. The authority has not answered it yet.');
    expect(explain(wait)).toContain('predict: false');
    expect(explain(hide)).toContain("table 'secret'");
    expect(explain(refused)).toContain('there is nothing to put');
    await desk.time.advance(100);
    expect(explain(put)).toContain('did what was predicted');
    expect(explain(wait)).toMatch(/not predicted.*confirmed/);
    expect(explain(refused)).toContain('rejected');
    expect(client.counters).toMatchObject({ confirmed: 2, unpredicted: 2, diverged: 0 });
  });
});
