/**
 * The store of a host in a shared worker: opened by the one that holds the replica's lock. Another version of the app has
 * a worker of its own, and the same storage.
 */

import { limits } from '../../core/limits.ts';
import { openStore } from '../persist/open-store.ts';
import { type ClientStore, storageUnavailable, type StorePlace } from '../persist/store.ts';
import { hostLock } from './names.ts';

/** Waits for the lock: a page that is being reloaded may not quite be gone. Rejects with `storage-unavailable`. */
export async function openLockedStore(place: StorePlace): Promise<ClientStore | undefined> {
  const { locks } = navigator as { readonly locks?: LockManager };
  // Not there without a secure context; then the store's own owner number keeps two hosts apart.
  if (locks === undefined) return openStore(place);
  const release = await held(locks, hostLock(place.replica));
  try {
    const store = await openStore(place);
    if (store === undefined) release();
    if (store === undefined) return undefined;
    return {
      kind: store.kind,
      open: () => store.open(),
      write: (write) => store.write(write),
      wipe: () => store.wipe(),
      onLost: (listener) => store.onLost(listener),
      close: () => {
        store.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

function held(locks: LockManager, name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limits.tabLockMsMax);
    locks
      .request(name, { signal }, () => new Promise<void>((release) => resolve(release)))
      .catch(() => reject(storageUnavailable('another version of this app is open in another tab, close it')));
  });
}
