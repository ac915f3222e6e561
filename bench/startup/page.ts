/** What the startup benchmark does in a page: starts a client and waits for its first result, or measures the floor. */

import { connect } from 'forerun/client';
import * as flights from '../../demo/flights/module.ts';
import type { Floor } from './floor.worker.ts';

declare global {
  interface Window {
    startup: () => Promise<Startup>;
    floor: () => Promise<Floor>;
  }
}

export interface Startup {
  readonly ms: number;
  readonly rows: number;
  readonly storage: string;
}

const sql = 'SELECT count(*) AS flights, avg(delay) AS delay FROM flight';

/** From nothing but the loaded page to the first result over all rows. */
window.startup = async () => {
  const startMs = performance.now();
  const client = connect({ module: flights });
  await client.ready();
  const [result] = await client.live<{ flights: number }>(sql).ready();
  const ms = performance.now() - startMs;
  return { ms, rows: result?.flights ?? 0, storage: client.status.storage.type };
};

window.floor = () =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./floor.worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<Floor>) => resolve(data));
    worker.addEventListener('error', ({ message }) => reject(new Error(message)));
    worker.postMessage(`${location.origin.replace(/^http/, 'ws')}/v1/database/main/subscribe`);
  });
