/** What a client has no more is not to be found in the bytes that it keeps. */

import { expect, test } from 'vitest';
import { limits } from '../../core/limits.ts';
import { Desk } from '../desk.testing.ts';
import { memoryStore, type ClientStore } from './store.ts';

const text = 'to be seen by nobody any more';

async function holds(store: ClientStore, words: string): Promise<boolean> {
  const records = await store.open();
  return records.some(({ value }) => Buffer.from(value.buffer, value.byteOffset, value.length).includes(words));
}

test('[OFF-13] a row that is gone is in no bytes on the device soon after, nor when the client has begun anew meanwhile', async () => {
  for (const beginsAnew of [false, true]) {
    const desk = await Desk.open();
    const store = memoryStore();
    const writer = await desk.seat();
    let reader = await desk.seat({ store });
    // Beside others, on pages of its own and among theirs.
    for (let id = 0; id < 200; id++) writer.client.reducers.put({ id, text: `text number ${id}` });
    writer.client.reducers.put({ id: 1_000, text });
    writer.client.reducers.put({ id: 1_001, text: text.repeat(1_000) });
    await desk.time.advance(1_000);
    await reader.client.close();
    expect(await holds(store, text)).toBe(true);
    reader = await desk.seat({ store });
    // Among the changes since the image as well.
    writer.client.reducers.put({ id: 1_002, text });
    await desk.time.advance(1_000);
    for (const id of [1_000, 1_001, 1_002]) writer.client.reducers.drop({ id });
    await desk.time.advance(1_000);
    expect(await holds(store, text)).toBe(true);
    if (beginsAnew) {
      await reader.client.close();
      reader = await desk.seat({ store });
    }
    await desk.time.advance(limits.removedRowsMsMax + 1_000);
    expect(await holds(store, text)).toBe(false);
    expect(await holds(store, 'text number 199')).toBe(true);
    // Once more, after the rows have been written anew.
    writer.client.reducers.drop({ id: 199 });
    await desk.time.advance(limits.removedRowsMsMax + 1_000);
    expect(await holds(store, 'text number 199')).toBe(false);
    expect(await holds(store, 'text number 198')).toBe(true);
    await reader.client.close();
  }
});

test('[OFF-13] without removals the rows are not written anew', async () => {
  const desk = await Desk.open();
  const store = memoryStore();
  const seat = await desk.seat({ store });
  seat.client.reducers.put({ id: 1, text: 'a' });
  await desk.time.advance(1_000);
  let images = 0;
  const write = store.write;
  Object.assign(store, {
    write: (each: Parameters<typeof write>[0]) => {
      if (each.put.some(({ section }) => section === 'image')) images++;
      return write(each);
    },
  });
  for (let n = 0; n < 20; n++) {
    seat.client.reducers.bump({ id: 1 });
    await desk.time.advance(1_000);
  }
  expect(images).toBe(0);
  seat.client.reducers.drop({ id: 1 });
  await desk.time.advance(limits.removedRowsMsMax + 1_000);
  expect(images).toBe(1);
});
