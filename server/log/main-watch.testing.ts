/** A process whose main thread does what it is told to by its argument, and is watched by another thread meanwhile. */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { giveSignsOfLife, watchMainThread } from './main-watch.ts';

const times = { checkMs: 50, silenceMsMax: 400 };
const busyMs = 2_500;

function endless(): void {
  const until = Date.now() + busyMs;
  while (Date.now() < until);
}

/** What waits in the system can't be interrupted. */
function waiting(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busyMs);
}

if (isMainThread) {
  const signs = new Int32Array(new SharedArrayBuffer(4));
  giveSignsOfLife(signs, times);
  const worker = new Worker(new URL(import.meta.url), { workerData: signs, execArgv: [] });
  worker.once('message', () => {
    if (process.argv[2] === 'endless') endless();
    else waiting();
    // Until it has been told that it answers again.
    setTimeout(() => void worker.terminate(), 500);
  });
} else {
  // From the main thread, as above.
  watchMainThread(workerData as Int32Array<SharedArrayBuffer>, times);
  setTimeout(() => parentPort?.postMessage('watching'), times.checkMs);
  setInterval(() => {}, 1_000);
}
