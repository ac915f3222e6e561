/** What the storing benchmark does in a page: has a client follow the rows, or puts bytes into IndexedDB on its own. */

import { connect } from 'forerun/client';
import * as items from './module.ts';
import type { FloorWrite } from './floor.worker.ts';

declare global {
  interface Window {
    follow: (storage: 'device' | 'memory') => Promise<void>;
    /** Starts it, and resolves when it is ready to write. */
    putBytes: (writes: readonly FloorWrite[]) => Promise<void>;
    /** Where the rows are kept now. */
    keptIn: () => string;
  }
}

window.follow = async (storage) => {
  const client = connect({ module: items, storage });
  window.keptIn = () => client.status.storage.type;
  await client.ready();
  await client.live('SELECT count(*) AS items FROM item').ready();
};

window.putBytes = (writes) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./floor.worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', () => resolve());
    worker.addEventListener('error', ({ message }) => reject(new Error(message)));
    worker.postMessage(writes);
  });
