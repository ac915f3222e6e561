/** The floor: the same bytes at the same times, in as many transactions, put by `idb` alone. */

import { openDB } from 'idb';

export interface FloorWrite {
  readonly atMs: number;
  /** Bytes of each record. */
  readonly puts: readonly number[];
}

addEventListener('message', async ({ data }: MessageEvent<readonly FloorWrite[]>) => {
  const db = await openDB('floor', 1, { upgrade: (made) => void made.createObjectStore('records') });
  for (const { atMs, puts } of data) {
    setTimeout(() => {
      const transaction = db.transaction('records', 'readwrite', { durability: 'strict' });
      for (const [key, bytes] of puts.entries()) void transaction.store.put(new Uint8Array(bytes), key);
    }, atMs);
  }
  postMessage('ready');
});
