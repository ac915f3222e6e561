/** What every `ClientStore` has to do; each implementation's tests run it. */

import { describe, expect, test } from 'vitest';
import type { ClientStore, Section, StoredRecord, StoreWrite } from '../../worker/persist/store.ts';

/** Opens the same place each time, as a start of a client does. */
export type StoreHome = () => Promise<ClientStore>;

/** `make` gives a new, empty place, and removes it after the test by itself. */
export function describeClientStore(name: string, make: () => Promise<StoreHome>): void {
  describe(name, () => {
    test('is empty at first', async () => {
      const home = await make();
      const store = await home();
      expect(await store.open()).toEqual([]);
      store.close();
    });

    test('[OFF-10] gives what was written, by section and key, when it is opened again', async () => {
      const home = await make();
      const store = await home();
      await store.open();
      const records = [record('calls', 2), record('state', 1), record('calls', 1), record('image', 0, 300_000)];
      await store.write(puts(...records));
      store.close();
      const again = await home();
      const expected = [record('state', 1), record('calls', 1), record('calls', 2), record('image', 0, 300_000)];
      expect(await again.open()).toEqual(expected);
      again.close();
    });

    test('[OFF-10] removes before it puts, both ends of a range included', async () => {
      const home = await make();
      const store = await home();
      await store.open();
      await store.write(puts(...[1, 2, 3, 4, 5].map((key) => record('changes', key)), record('calls', 3)));
      await store.write({ remove: [{ section: 'changes', from: 2, to: 4 }], put: [record('changes', 3, 7)] });
      store.close();
      const again = await home();
      expect(await again.open()).toEqual([
        record('calls', 3),
        record('changes', 1),
        record('changes', 3, 7),
        record('changes', 5),
      ]);
      again.close();
    });

    test('[OFF-10] does writes that do not wait for each other in order', async () => {
      const home = await make();
      const store = await home();
      await store.open();
      await Promise.all(
        Array.from({ length: 30 }, (_, n) => store.write(puts(record('state', 1, n + 1), record('calls', n)))),
      );
      store.close();
      const again = await home();
      const all = await again.open();
      expect(all[0]).toEqual(record('state', 1, 30));
      expect(all).toHaveLength(31);
      again.close();
    });

    test('removes everything when it is asked to', async () => {
      const home = await make();
      const store = await home();
      await store.open();
      await store.write(puts(record('calls', 1), record('state', 4)));
      const all = (section: Section) => ({ section, from: 0, to: Number.MAX_SAFE_INTEGER });
      await store.write({ remove: [all('state'), all('calls'), all('changes'), all('image')], put: [] });
      store.close();
      const again = await home();
      expect(await again.open()).toEqual([]);
      again.close();
    });

    test('[OFF-9] is empty after it was wiped, and takes writes', async () => {
      const home = await make();
      const store = await home();
      await store.open();
      await store.write(puts(record('calls', 1), record('state', 4), record('image', 0, 5_000)));
      await store.wipe();
      await store.write(puts(record('calls', 2)));
      store.close();
      const again = await home();
      expect(await again.open()).toEqual([record('calls', 2)]);
      await again.wipe();
      again.close();
      const third = await home();
      expect(await third.open()).toEqual([]);
      third.close();
    });

    test('the bytes stay the caller’s', async () => {
      const home = await make();
      const store = await home();
      await store.open();
      const whole = new Uint8Array(100).fill(7);
      const value = whole.subarray(10, 20);
      await store.write(puts({ section: 'calls', key: 1, value }));
      whole.fill(0);
      store.close();
      const again = await home();
      expect(await again.open()).toEqual([{ section: 'calls', key: 1, value: new Uint8Array(10).fill(7) }]);
      again.close();
    });
  });
}

/** Of stores that several can open at a time. */
export function describeOwnership(name: string, make: () => Promise<StoreHome>): void {
  test(`[OFF-10] ${name}: who opens it last owns it, and the older owner's writes are refused`, async () => {
    const home = await make();
    const [older, newer] = [await home(), await home()];
    await older.open();
    await older.write(puts(record('calls', 1)));
    expect(await newer.open()).toEqual([record('calls', 1)]);
    await expect(older.write(puts(record('calls', 2)))).rejects.toMatchObject({ code: 'replica-taken' });
    await expect(older.wipe()).rejects.toMatchObject({ code: 'replica-taken' });
    await newer.write(puts(record('calls', 3)));
    older.close();
    newer.close();
    const again = await home();
    expect(await again.open()).toEqual([record('calls', 1), record('calls', 3)]);
    again.close();
  });
}

function puts(...put: StoredRecord[]): StoreWrite {
  return { remove: [], put };
}

function record(section: Section, key: number, length = 5): StoredRecord {
  return { section, key, value: Uint8Array.from({ length }, (_, i) => (i * 31 + key) & 0xff) };
}
