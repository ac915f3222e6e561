/**
 * The store of a host in a shared worker: opened by the one that holds the replica's lock. Another version of the app has
 * a worker of its own, and the same storage.
 *
 * Law: a worker that holds the lock and answers is left alone. One that does not answer is the last page's on its way out,
 * which takes seconds on a busy machine, or hangs: the lock is taken from it, and the store's owner number keeps what it
 * may still write out.
 */

import { limits } from '../../core/limits.ts';
import { openStore } from '../persist/open-store.ts';
import { type ClientStore, storageUnavailable, type StorePlace } from '../persist/store.ts';
import { holderChannel, hostLock } from './names.ts';

const askMs = 500;

/** Waits for the lock. Rejects with `storage-unavailable`. */
export async function openLockedStore(place: StorePlace): Promise<ClientStore | undefined> {
  const { locks } = navigator as { readonly locks?: LockManager };
  // Not there without a secure context; then the store's own owner number keeps two hosts apart.
  if (locks === undefined) return openStore(place);
  const release = await heldOrTaken(locks, place.replica);
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

async function heldOrTaken(locks: LockManager, replica: string): Promise<() => void> {
  const holder = new BroadcastChannel(holderChannel(replica));
  let answeredMs = Number.NEGATIVE_INFINITY;
  holder.onmessage = ({ data }) => {
    if (data === 'pong') answeredMs = performance.now();
  };
  const timer = setInterval(() => holder.postMessage('ping'), askMs);
  try {
    const release = await held(locks, replica, { signal: AbortSignal.timeout(limits.tabLockMsMax) });
    return answering(holder, release);
  } catch {
    if (performance.now() - answeredMs < limits.tabLockMsMax) {
      holder.close();
      throw storageUnavailable('another version of this app is open in another tab, close it');
    }
    return answering(holder, await held(locks, replica, { steal: true }));
  } finally {
    clearInterval(timer);
  }
}

/** As long as it holds the lock. */
function answering(holder: BroadcastChannel, release: () => void): () => void {
  holder.onmessage = ({ data }) => {
    if (data === 'ping') holder.postMessage('pong');
  };
  return () => {
    holder.close();
    release();
  };
}

function held(locks: LockManager, replica: string, how: LockOptions): Promise<() => void> {
  return new Promise((resolve, reject) => {
    // Later it rejects when the lock is stolen; the first write tells this host so.
    locks.request(hostLock(replica), how, () => new Promise<void>((release) => resolve(release))).catch(reject);
  });
}
