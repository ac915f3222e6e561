/**
 * The storage thread: appends batches as they come, and between them brings the tables up to date.
 *
 * Law: an append waits for at most the slice of other work that is under way.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { assert, unreachable } from '../../core/assert.ts';
import type { LogBatch } from '../../core/commit/log.ts';
import { type FromThread, plainError, type ThreadOptions, type ToThread } from './log-messages.ts';
import { watchMainThread } from './main-watch.ts';
import { SqliteStorage } from './sqlite-storage.ts';

/** An append that comes while a slice is under way waits for it. */
const sliceMs = 2;
/** Without an append for so long, the thread is idle. */
const idleMs = 250;
/** While appends come, the tables get one part of the time in so many. */
const busyShare = 4;
const retryMs = 5_000;
/** A stop is to be over in five seconds; what is left is read from the log by the next start. */
const catchUpMsMax = 2_000;

assert(parentPort !== null, 'the storage thread is started as a worker');
const port = parentPort;
// What the main thread passes is typed there.
const { storage: storageOptions, mailbox, signs, behindBytesMax } = workerData as ThreadOptions;
const copied = new Uint8Array(mailbox.length);

try {
  const storage = SqliteStorage.open(storageOptions);
  send({ type: 'opened', birth: storage.birth, extent: storage.extent });
  run(storage);
} catch (error) {
  send({ type: 'refused', error: plainError(error) });
  port.close();
}

function run(storage: SqliteStorage): void {
  let first = storage.extent.first;
  let lastAppend = performance.now();
  let isWorking = false;
  let isClosed = false;
  const idle = setTimeout(work, idleMs);
  const unwatch = watchMainThread(signs);

  port.on('message', (message: ToThread) => {
    switch (message.type) {
      case 'append':
        append(batchOf(message));
        lastAppend = performance.now();
        if (isWorking) return;
        if (storage.mustReadBack && storage.behindBytes > behindBytesMax) work();
        else idle.refresh();
        return;
      case 'close':
        isClosed = true;
        unwatch();
        clearTimeout(idle);
        try {
          storage.close(catchUpMsMax);
        } catch (error) {
          send({ type: 'tablesFailed', error: plainError(error) });
        }
        send({ type: 'closed' });
        port.close();
        return;
      default:
        unreachable(message);
    }
  });

  function append(batch: LogBatch): void {
    try {
      storage.append(batch);
    } catch (error) {
      send({ type: 'failed', error: plainError(error) });
      return;
    }
    send(batch.number);
    try {
      storage.appended(batch, behindBytesMax);
    } catch (error) {
      send({ type: 'tablesFailed', error: plainError(error) });
    }
    tellExtent();
  }

  function tellExtent(): void {
    if (storage.extent.first === first) return;
    first = storage.extent.first;
    send({ type: 'extent', extent: storage.extent });
  }

  /** Slices until there is nothing left to do, or while appends come, little; in between, the port has its turn. */
  function work(): void {
    if (isClosed) return;
    const started = performance.now();
    const isBusy = started - lastAppend < idleMs;
    let pauseMs = 0;
    isWorking = true;
    try {
      isWorking = isBusy ? storage.readBack(sliceMs) : storage.slice(sliceMs);
      if (isBusy) {
        pauseMs = (performance.now() - started) * (busyShare - 1);
        if (!isWorking) idle.refresh();
      }
    } catch (error) {
      send({ type: 'tablesFailed', error: plainError(error) });
      pauseMs = retryMs;
    }
    tellExtent();
    if (!isWorking) return;
    if (pauseMs < 1) setImmediate(work);
    else setTimeout(work, pauseMs);
  }
}

/** With bytes of its own: those in the mailbox are written over once the append has been answered. */
function batchOf({ number, firstSeq, commitCount, bytes }: Extract<ToThread, { type: 'append' }>): LogBatch {
  if (typeof bytes !== 'number') return { number, firstSeq, commitCount, bytes };
  copied.set(mailbox.subarray(0, bytes));
  return { number, firstSeq, commitCount, bytes: copied.subarray(0, bytes) };
}

function send(message: FromThread): void {
  port.postMessage(message);
}
