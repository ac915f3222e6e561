import { SenderError } from 'forerun';
import { afterEach, expect, test, vi } from 'vitest';
import { connect } from './client/connect.ts';
import { type DeskClient, deskModule } from './desk.testing.ts';

let client: DeskClient;

function connectToDesk(
  worker = new Worker(new URL('./desk-worker.testing.ts', import.meta.url), { type: 'module' }),
  subscribe: 'all' | readonly string[] = 'all',
): void {
  client = connect({ module: deskModule, worker: () => worker, storage: 'memory', subscribe });
}

afterEach(() => client.close());

test('calls and queries made before the worker runs are carried out when it does, in order', async () => {
  connectToDesk();
  const items = client.live(client.tables.item);
  await Promise.all([
    client.reducers.put({ id: 1, text: 'a' }),
    client.reducers.bump({ id: 1 }),
    client.reducers.put({ id: 2, text: 'b' }),
  ]);
  expect(items.rows).toEqual([
    { id: 1, text: 'a', count: 1 },
    { id: 2, text: 'b', count: 0 },
  ]);
});

test('ready() waits for the live queries that there are; one made later has its own', async () => {
  connectToDesk();
  await client.reducers.put({ id: 1, text: 'a' });
  const items = client.live(client.tables.item);
  expect([items.isReady, items.rows]).toEqual([false, []]);
  await client.ready();
  expect(items.rows).toEqual([{ id: 1, text: 'a', count: 0 }]);
  const later = client.live(client.tables.item);
  expect(later.rows).toEqual([]);
  expect(await later.ready()).toEqual(items.rows);
});

test('[SUB-1] [SUB-4] a subscription has its rows when it says so, says where a refused one is wrong, and lets go', async () => {
  connectToDesk(undefined, []);
  await client.reducers.put({ id: 1, text: 'a' });
  await client.reducers.put({ id: 2, text: 'b' });
  const items = client.live(client.tables.item);
  await client.ready();
  expect(items.rows).toEqual([]);

  const applied = Promise.withResolvers<void>();
  const handle = client.subscribe("SELECT * FROM item WHERE text = 'a'", { onApplied: applied.resolve });
  expect(handle.isActive()).toBe(false);
  await applied.promise;
  expect(handle.isActive()).toBe(true);
  expect(items.rows).toEqual([{ id: 1, text: 'a', count: 0 }]);

  const refused = Promise.withResolvers<unknown>();
  const wrong = client.subscribe('SELECT * FROM item WHERE colour = 3', { onError: refused.resolve });
  expect(await refused.promise).toMatchObject({
    code: 'query-invalid',
    message: expect.stringMatching(/position 26: there is no column 'colour'/),
  });
  expect([wrong.isEnded(), client.status.type]).toEqual([true, 'live']);

  await new Promise<void>((resolve) => handle.unsubscribeThen(resolve));
  expect([handle.isActive(), handle.isEnded(), items.rows]).toEqual([false, true, []]);
});

test('a prediction is in the rows while the authority has not answered', async () => {
  connectToDesk();
  await client.ready();
  client.simulate({ latencyMs: 60_000 });
  const items = client.live(client.tables.item);
  const call = client.reducers.put({ id: 1, text: 'a' });
  expect(await call.predicted).toEqual({ type: 'predicted', changedRows: 1 });
  expect(items.rows).toEqual([{ id: 1, text: 'a', count: 0 }]);
  expect(call.state).toBe('predicted');
  expect(client.status.pending).toBe(1);
});

test('[PRE-3] a live query on the page is told of a call once, with its prediction', async () => {
  connectToDesk();
  await client.reducers.put({ id: 1, text: 'a' });
  client.simulate({ latencyMs: 100 });
  const items = client.live(client.tables.item);
  await items.ready();
  const shown: unknown[] = [];
  items.subscribe(() => shown.push(items.rows));
  expect(await client.reducers.bump({ id: 1 })).toMatchObject({ asPredicted: true });
  expect(shown).toEqual([[{ id: 1, text: 'a', count: 1 }]]);
});

test('a rejection comes with the reducer’s own words', async () => {
  connectToDesk();
  const call = client.reducers.put({ id: 1, text: '' });
  await expect(call).rejects.toEqual(new SenderError('there is nothing to put'));
  expect(call.error).toEqual(new SenderError('there is nothing to put'));
});

test('the timestamp of a call is the one that its rows have', async () => {
  connectToDesk();
  await client.ready();
  const items = client.live(client.tables.item);
  const call = client.reducers.stamp({ id: 1 });
  expect(call.timestamp).toBeUndefined();
  await call;
  expect(items.rows.map(({ text }) => text)).toEqual([call.timestamp?.toISOString()]);
});

test('unchanged rows keep their identity across the worker', async () => {
  connectToDesk();
  await client.reducers.put({ id: 1, text: 'a' });
  await client.reducers.put({ id: 2, text: 'b' });
  const query = client.live<{ id: number }>('SELECT * FROM item ORDER BY id');
  const [first, second] = await query.ready();
  await client.reducers.bump({ id: 2 });
  // SQL is run again in slices.
  await expect.poll(() => query.rows[1]).not.toBe(second);
  expect(query.rows[0]).toBe(first);
});

test('row callbacks see what comes, changes and goes', async () => {
  connectToDesk();
  const seen: string[] = [];
  client.tables.item.onInsert(({ id, text }) => seen.push(`+${id} ${text}`));
  client.tables.item.onUpdate((before, after) => seen.push(`${before.text} to ${after.text}`));
  client.tables.item.onDelete(({ id }) => seen.push(`-${id}`));
  await client.reducers.put({ id: 1, text: 'a' });
  await client.reducers.put({ id: 1, text: 'b' });
  await client.reducers.drop({ id: 1 });
  expect(seen).toEqual(['+1 a', 'a to b', '-1']);
});

test('[CLI-8] closing rejects what is unanswered, and ends the worker', async () => {
  connectToDesk();
  await client.ready();
  client.simulate({ latencyMs: 60_000 });
  const call = client.reducers.put({ id: 1, text: 'a' });
  await call.predicted;
  await client.close();
  await expect(call).rejects.toMatchObject({ code: 'client-closed' });
});

test('a worker that can not be loaded stops the client, which says so', async () => {
  connectToDesk(new Worker(URL.createObjectURL(new Blob(['import "./nothing.js"'])), { type: 'module' }));
  await expect(client.ready()).rejects.toThrow(/^The worker of this client did not start: /);
  expect(client.status.type).toBe('stopped');
});

test('[PRE-8] [PRE-9] [LIV-6] what others commit among pending calls is shown in one step each, without a frame in between', async () => {
  const worker = new Worker(new URL('./desk-worker.testing.ts', import.meta.url), { type: 'module' });
  connectToDesk(worker);
  const byOther = (reducer: string, args: object): void => worker.postMessage({ other: reducer, args });
  const items = client.live(client.tables.item.orderBy((item) => item.id));
  const sql = client.live<{ id: number; count: number }>('SELECT id, count FROM item ORDER BY id');
  await client.reducers.put({ id: 1, text: 'one' });
  await client.reducers.put({ id: 2, text: 'two' });
  const shown = (rows: readonly { readonly count: number }[]): string => rows.map(({ count }) => count).join();
  await vi.waitFor(() => expect([shown(items.rows), shown(sql.rows)]).toEqual(['0,0', '0,0']));

  // The page is far away: what it calls is pending while others' commits, which have half the way, come in.
  client.simulate({ latencyMs: 4_000 });
  const steps: { readonly items: string[]; readonly sql: string[]; readonly frames: string[] } = {
    items: [],
    sql: [],
    frames: [],
  };
  items.subscribe(() => steps.items.push(shown(items.rows)));
  sql.subscribe(() => steps.sql.push(shown(sql.rows)));
  let isWatching = true;
  const watch = (): void => {
    const frame = `${shown(items.rows)} ${shown(sql.rows)}`;
    if (steps.frames.at(-1) !== frame) steps.frames.push(frame);
    if (isWatching) requestAnimationFrame(watch);
  };
  watch();
  const calls = [1, 2, 3].map(() => client.reducers.bump({ id: 1 }));
  await Promise.all(calls.map((call) => call.predicted));
  // The last one does not touch the pending calls.
  for (const id of [1, 1, 1, 2]) byOther('bump', { id });
  await vi.waitFor(() => expect(shown(items.rows)).toBe('6,1'), 20_000);
  expect(calls.map(({ state }) => state)).toEqual(['predicted', 'predicted', 'predicted']);
  const stepsWhilePending = steps.items.length;
  await Promise.all(calls);
  await vi.waitFor(() => expect(client.counters.pending).toBe(0));
  await new Promise(requestAnimationFrame);
  isWatching = false;

  // From each step to a later one: no state with the calls rolled back, or shown twice, was ever there; and being confirmed
  // is no step.
  const possible = ['0,0', '1,0', '2,0', '3,0', '4,0', '5,0', '6,0', '6,1'];
  const places = (seen: readonly string[]): number[] => seen.map((each) => possible.indexOf(each));
  const rising = (seen: readonly string[]): boolean =>
    places(seen).every((place, i, all) => place > (all[i - 1] ?? -1) && possible[place] !== undefined);
  expect(steps.items.slice(0, 3)).toEqual(['1,0', '2,0', '3,0']);
  expect(steps.items.length).toBe(stepsWhilePending);
  expect([steps.items, rising(steps.items)]).toEqual([steps.items, true]);
  // SQL may skip a step, where it has just run.
  expect([steps.sql, rising(steps.sql), steps.sql.at(-1)]).toEqual([steps.sql, true, '6,1']);
  for (const i of [0, 1]) {
    const frames = steps.frames.map((frame) => frame.split(' ')[i] ?? '');
    const seen = frames.filter((frame, at) => frame !== frames[at - 1]);
    expect([seen, rising(seen), seen.at(-1)]).toEqual([seen, true, '6,1']);
  }
  const { confirmed, diverged, replayed } = client.counters;
  expect({ confirmed, diverged }).toEqual({ confirmed: 5, diverged: 0 });
  expect(replayed).toBeGreaterThanOrEqual(3);
});
