import { deleteDB, openDB } from 'idb';
import { afterEach, expect, test, vi } from 'vitest';
import { describeClientStore, describeOwnership } from '../../test/contract/client-store.ts';
import { limits } from '../../core/limits.ts';
import { openIndexedStore } from './indexed-store.ts';
import { readReplica } from './stored-format.ts';

let count = 0;
const newName = (): string => `test ${++count} ${Math.random()}`;

afterEach(() => vi.restoreAllMocks());

describeClientStore('IndexedStore', async () => {
  const name = newName();
  return () => openIndexedStore(name);
});
describeOwnership('IndexedStore', async () => {
  const name = newName();
  return () => openIndexedStore(name);
});

test('the token of the first layout is kept', async () => {
  const name = newName();
  const old = await openDB(`forerun/${name}`, 1, { upgrade: (db) => void db.createObjectStore('meta') });
  await old.put('meta', 'abc', 'token');
  old.close();
  const store = await openIndexedStore(name);
  expect(readReplica(await store.open()).token).toBe('abc');
  store.close();
});

test('[OFF-7] an older version of the app that does not let go makes it unavailable', async () => {
  const name = newName();
  const old = await openDB(`forerun/${name}`, 1, { upgrade: (db) => void db.createObjectStore('meta') });
  await expect(openIndexedStore(name)).rejects.toMatchObject({ code: 'storage-unavailable' });
  old.close();
});

test('[OFF-7] it lets a newer version of the app have it, and says so', async () => {
  const name = newName();
  const store = await openIndexedStore(name);
  await store.open();
  const lost = new Promise<string>((resolve) => store.onLost(resolve));
  const newer = await openDB(`forerun/${name}`, 999);
  expect(await lost).toContain('newer version');
  await expect(
    store.write({ remove: [], put: [{ section: 'calls', key: 1, value: new Uint8Array(1) }] }),
  ).rejects.toMatchObject({
    code: 'storage-unavailable',
  });
  newer.close();
});

test('[OFF-7] deleted underneath, it says so', async () => {
  const name = newName();
  const store = await openIndexedStore(name);
  await store.open();
  const lost = new Promise<string>((resolve) => store.onLost(resolve));
  await deleteDB(`forerun/${name}`);
  expect(await lost).toContain('deleted');
  await expect(store.write({ remove: [], put: [] })).rejects.toMatchObject({ code: 'storage-unavailable' });
});

test('[OFF-7] no room left is told as such', async () => {
  const store = await openIndexedStore(newName());
  await store.open();
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  await expect(
    store.write({ remove: [], put: [{ section: 'calls', key: 1, value: new Uint8Array(1) }] }),
  ).rejects.toMatchObject({ code: 'storage-unavailable', message: expect.stringContaining('no room left') });
  store.close();
});

test('[OFF-7] a browser that refuses IndexedDB makes it unavailable', async () => {
  vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  });
  await expect(openIndexedStore(newName())).rejects.toMatchObject({ code: 'storage-unavailable' });
});

test('[OFF-7] a transaction that another tab never ends is not waited for', async () => {
  const name = newName();
  const waits = limits.storageMsMax;
  Object.assign(limits, { storageMsMax: 300 });
  try {
    const frozen = await openIndexedStore(name);
    await frozen.open();
    // Another connection keeps a transaction alive, as a tab that was frozen in the middle of one does.
    const other = await openDB(`forerun/${name}`);
    const transaction = other.transaction('owner', 'readwrite');
    let ended = false;
    const keep = async (): Promise<void> => {
      while (!ended) await transaction.store.get(0);
    };
    const kept = keep();
    const store = await openIndexedStore(name);
    await expect(store.open()).rejects.toMatchObject({ code: 'storage-unavailable' });
    ended = true;
    await kept;
    store.close();
    other.close();
    frozen.close();
  } finally {
    Object.assign(limits, { storageMsMax: waits });
  }
});
