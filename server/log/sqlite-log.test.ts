import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test, vi } from 'vitest';
import { beginBatch, writeClient } from '../../core/authority/record.ts';
import { ByteWriter } from '../../core/codec/bytes.ts';
import type { Seq } from '../../core/commit/call.ts';
import type { LogBatch } from '../../core/commit/log.ts';
import { describeLog } from '../../test/contract/log.ts';
import { storedExtent } from './batch-table.ts';
import { openForReading, readMeta } from './database-file.ts';
import { SqliteLog, type SqliteLogOptions } from './sqlite-log.ts';
import { birth, scratchFolder, storeModule } from './storage.testing.ts';

function open(path: string, options: Partial<SqliteLogOptions> = {}): Promise<SqliteLog> {
  return SqliteLog.open({ path, module: storeModule, birth, ...options });
}

function batch(number: number, clients = 1): LogBatch {
  const writer = new ByteWriter();
  beginBatch(writer, 1_700_000_000_000_000);
  for (let n = 0; n < clients; n++) writeClient(writer, number * 1000 + n, new Uint8Array(16).fill(number), BigInt(n));
  return { number, firstSeq: 1 as Seq, commitCount: 0, bytes: writer.take() };
}

/** The storage threads that are started during the test. */
function startedThreads(): Worker[] {
  const threads: Worker[] = [];
  const note = (worker: Worker): void => void threads.push(worker);
  process.on('worker', note);
  onTestFinished(() => void process.off('worker', note));
  return threads;
}

describeLog('SqliteLog', async () => {
  const path = join(scratchFolder(), 'main.sqlite');
  const log = await open(path);
  return {
    log,
    reopen: async () => {
      await log.close();
      return open(path);
    },
  };
});

test('the batches of a thread that was ended without warning are all there', async () => {
  const threads = startedThreads();
  const path = join(scratchFolder(), 'main.sqlite');
  const log = await open(path);
  for (let n = 1; n <= 20; n++) await log.append(batch(n));
  await threads[0]?.terminate();
  const again = await open(path);
  expect(again.extent()).toEqual({ first: 1, last: 20 });
  await again.close();
});

test('[COM-4] an append that a thread’s end leaves open is rejected and leaves nothing; the next one starts another thread', async () => {
  const threads = startedThreads();
  const path = join(scratchFolder(), 'main.sqlite');
  const log = await open(path);
  await log.append(batch(1));
  // The thread may write it; what it says of it is lost.
  threads[0]?.removeAllListeners('message');
  const lost = log.append(batch(2));
  await vi.waitFor(() => expect(lastNumber(path)).toBe(2));
  await threads[0]?.terminate();
  await expect(lost).rejects.toMatchObject({ code: 'log-unavailable' });
  expect(log.extent().last).toBe(1);
  await log.append(batch(2, 3));
  expect((await readAll(log, 0)).map(({ bytes }) => bytes.length)).toEqual(
    [batch(1), batch(2, 3)].map(({ bytes }) => bytes.length),
  );
  expect(threads.length).toBe(2);
  await log.close();
});

function lastNumber(path: string): number {
  const db = openForReading(path);
  try {
    return storedExtent(db).last;
  } finally {
    db.close();
  }
}

async function readAll(log: SqliteLog, after: number): Promise<LogBatch[]> {
  const batches: LogBatch[] = [];
  for await (const each of log.read(after)) batches.push(each);
  return batches;
}

/** Batches of clients whose ids tell them apart; large ones do not fit where the bytes of one are left for the thread. */
const manyClients = 25_000;

test('batches that come while another is on its way, or are large, are stored as they were', async () => {
  const log = await open(join(scratchFolder(), 'main.sqlite'));
  const batches = [batch(1, 3), batch(2), batch(3, manyClients), batch(4, 2)];
  expect(batches[2]?.bytes.length).toBeGreaterThan(1024 * 1024);
  await Promise.all(batches.map((each) => log.append(each)));
  await log.append(batch(5, manyClients));
  // The caller's bytes are his again with the answer, and what was stored are others.
  for (const { bytes } of batches) bytes.fill(0);
  const expected = [batch(1, 3), batch(2), batch(3, manyClients), batch(4, 2), batch(5, manyClients)];
  expect(
    (await readAll(log, 0)).map(({ bytes }) => Buffer.from(bytes).compare(expected.shift()?.bytes ?? bytes)),
  ).toEqual([0, 0, 0, 0, 0]);
  await log.close();
});

test('after a thread has ended in the middle of an append, the next one stores what it is given', async () => {
  const threads = startedThreads();
  const log = await open(join(scratchFolder(), 'main.sqlite'));
  await log.append(batch(1));
  // The thread may write them; what it says of them is lost.
  threads[0]?.removeAllListeners('message');
  const lost = [log.append(batch(2, 400)), log.append(batch(3, 300))];
  void threads[0]?.terminate();
  for (const { reason } of (await Promise.allSettled(lost)) as PromiseRejectedResult[])
    expect(reason).toMatchObject({ code: 'log-unavailable' });
  await log.append(batch(2, 7));
  await log.append(batch(3, 5));
  const stored = await readAll(log, 1);
  expect(stored.map(({ bytes }) => [...bytes])).toEqual([[...batch(2, 7).bytes], [...batch(3, 5).bytes]]);
  await log.close();
});

test('[COM-4] a full disk refuses a batch whole, and the thread goes on with what fits', async () => {
  const log = await open(join(scratchFolder(), 'main.sqlite'), { fileBytesMax: 200_000 });
  await log.append(batch(1));
  await expect(log.append(batch(2, 10_000))).rejects.toMatchObject({
    code: 'log-unavailable',
    message: expect.stringContaining('full'),
  });
  await log.append(batch(2));
  expect(log.extent()).toEqual({ first: 1, last: 2 });
  expect((await readAll(log, 0)).map(({ bytes }) => bytes.length)).toEqual([1, 2].map((n) => batch(n).bytes.length));
  await log.close();
});

test('when nothing is appended for a while, the tables catch up with the log', async () => {
  const path = join(scratchFolder(), 'main.sqlite');
  const log = await open(path);
  for (let n = 1; n <= 3; n++) await log.append(batch(n));
  const db = openForReading(path);
  onTestFinished(() => db.close());
  await vi.waitFor(() => expect(readMeta(db, path).tablesBatch).toBe(3), 5_000);
  await log.close();
});

test('closing leaves one file, with tables as new as the log', async () => {
  const folder = scratchFolder();
  const log = await open(join(folder, 'main.sqlite'));
  await log.append(batch(1));
  await log.close();
  const db = new DatabaseSync(join(folder, 'main.sqlite'), { readOnly: true });
  onTestFinished(() => db.close());
  expect(readMeta(db, folder).tablesBatch).toBe(1);
  await expect(log.append(batch(2))).rejects.toMatchObject({ code: 'log-unavailable' });
});

test('batches that the tables contain are dropped when the log is limited, the last one never', async () => {
  const log = await open(join(scratchFolder(), 'main.sqlite'), { logBytesMax: 1_000 });
  const size = batch(1, 5).bytes.length;
  for (let n = 1; n <= 20; n++) await log.append(batch(n, 5));
  const kept = Math.floor(1_000 / size);
  await vi.waitFor(() => expect(log.extent()).toEqual({ first: 20 - kept + 1, last: 20 }), 5_000);
  await expect(log.read(0)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'log-unavailable' });
  const [first] = await readAll(log, 20 - kept);
  expect(first?.number).toBe(20 - kept + 1);
  await log.close();
});

test('the log is kept within its limit, and the tables follow it, while appends never pause', async () => {
  const path = join(scratchFolder(), 'main.sqlite');
  const log = await open(path, { logBytesMax: 2_000, behindBytesMax: 1_000 });
  let number = 0;
  const dropped = (): boolean => log.extent().first > 50;
  while (!dropped() && number < 2_000) await log.append(batch(++number, 5));
  expect(dropped()).toBe(true);
  const db = openForReading(path);
  onTestFinished(() => db.close());
  expect(readMeta(db, path).tablesBatch).toBeGreaterThanOrEqual(log.extent().first - 1);
  // And is read from where it begins.
  await vi.waitFor(() => expect(log.extent()).toEqual(storedExtent(db)));
  const reading = log.read(log.extent().first - 1);
  expect((await reading.next()).value?.number).toBe(log.extent().first);
  await log.close();
});
