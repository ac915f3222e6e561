/** What every `Log` has to do; each implementation's tests run it. */

import { describe, expect, test } from 'vitest';
import { beginBatch, writeClient } from '../../core/authority/record.ts';
import { ByteWriter } from '../../core/codec/bytes.ts';
import type { Seq } from '../../core/commit/call.ts';
import type { Log, LogBatch } from '../../core/commit/log.ts';

export interface LogHome {
  readonly log: Log;
  /** Closes the log and opens what it left. */
  readonly reopen: () => Promise<Log>;
}

/** `make` gives a new, empty log, and removes it after the test by itself. */
export function describeLog(name: string, make: () => Promise<LogHome>): void {
  describe(name, () => {
    test('a new log is empty', async () => {
      const { log } = await make();
      expect(log.extent()).toEqual({ first: 0, last: 0 });
      expect(await read(log, 0)).toEqual([]);
      await log.close();
    });

    test('[COM-2] batches are read as they were appended, in order, from any position', async () => {
      const { log } = await make();
      const batches = [batch(1), batch(2, 300_000), batch(3, 0), batch(4)];
      for (const each of batches) await log.append(each);
      expect(log.extent()).toEqual({ first: 1, last: 4 });
      for (let after = 0; after <= 4; after++) expect(await read(log, after)).toEqual(batches.slice(after));
      await log.close();
    });

    test('[COM-2] a log has the same batches when it is opened again, and goes on', async () => {
      const { log, reopen } = await make();
      await log.append(batch(1));
      await log.append(batch(2));
      const reopened = await reopen();
      expect(reopened.extent()).toEqual({ first: 1, last: 2 });
      await reopened.append(batch(3));
      expect(await read(reopened, 0)).toEqual([batch(1), batch(2), batch(3)]);
      await reopened.close();
    });

    test('[COM-3] a batch that does not follow the last one is refused, and nothing of it is kept', async () => {
      const { log } = await make();
      await log.append(batch(1));
      for (const wrong of [0, 1, 3]) {
        await expect(log.append(batch(wrong))).rejects.toMatchObject({ code: 'log-unavailable' });
      }
      expect(await read(log, 0)).toEqual([batch(1)]);
      await log.append(batch(2));
      expect(log.extent()).toEqual({ first: 1, last: 2 });
      await log.close();
    });

    test('[COM-3] of two that write the same batch, one is refused', async () => {
      const { log } = await make();
      const results = await Promise.allSettled([log.append(batch(1)), log.append(batch(1))]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect(await read(log, 0)).toEqual([batch(1)]);
      await log.close();
    });

    test('appends that do not wait for each other are done in order', async () => {
      const { log } = await make();
      const batches = Array.from({ length: 50 }, (_, n) => batch(n + 1));
      await Promise.all(batches.map((each) => log.append(each)));
      expect(await read(log, 0)).toEqual(batches);
      await log.close();
    });

    test('the bytes stay the caller’s, who may write over them once the batch is durable', async () => {
      const { log } = await make();
      const mine = batch(1);
      const asItWas = mine.bytes.slice();
      await log.append(mine);
      expect(mine.bytes).toEqual(asItWas);
      mine.bytes.fill(0);
      expect((await read(log, 0))[0]?.bytes).toEqual(asItWas);
      await log.close();
    });

    test('reading goes as far as the log went when it began, while appends go on', async () => {
      const { log } = await make();
      for (let n = 1; n <= 3; n++) await log.append(batch(n));
      const numbers: number[] = [];
      for await (const { number } of log.read(0)) {
        numbers.push(number);
        if (number === 2) await log.append(batch(4));
      }
      expect(numbers.slice(0, 3)).toEqual([1, 2, 3]);
      expect(await read(log, 3)).toEqual([batch(4)]);
      await log.close();
    });
  });
}

/** Of clients only, so that every home can make sense of it; at least `padding` bytes long. */
function batch(number: number, padding = 100): LogBatch {
  const writer = new ByteWriter();
  beginBatch(writer, 1_700_000_000_000_000 + number);
  for (let clientNo = 1; writer.offset < padding; clientNo++)
    writeClient(writer, clientNo, new Uint8Array(16).fill(clientNo), BigInt(number));
  return { number, firstSeq: 1 as Seq, commitCount: 0, bytes: Uint8Array.from(writer.take()) };
}

async function read(log: Log, after: number): Promise<LogBatch[]> {
  const batches: LogBatch[] = [];
  for await (const { number, firstSeq, commitCount, bytes } of log.read(after)) {
    batches.push({ number, firstSeq, commitCount, bytes: Uint8Array.from(bytes) });
  }
  return batches;
}
