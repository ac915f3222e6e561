import { describe, expect, it } from 'vitest';
import { clientIdFromBytes, databaseClientId, epochFromBytes, idBytes, type Seq } from './call.ts';
import { type LogBatch, MemoryLog } from './log.ts';

const batch = (number: number): LogBatch => ({
  number,
  firstSeq: number as Seq,
  commitCount: 1,
  bytes: Uint8Array.of(number),
});

async function read(log: MemoryLog, after: number): Promise<number[]> {
  const numbers: number[] = [];
  for await (const each of log.read(after)) numbers.push(each.number, ...each.bytes);
  return numbers;
}

describe('a log in memory', () => {
  it('[COM-2] gives what was appended, from any batch on, whatever becomes of the bytes that were given', async () => {
    const log = new MemoryLog();
    expect(log.extent()).toEqual({ first: 0, last: 0 });
    const second = batch(2);
    await log.append(batch(1));
    await log.append(second);
    second.bytes[0] = 99;
    expect([await read(log, 0), await read(log, 1), await read(log, 2)]).toEqual([[1, 1, 2, 2], [2, 2], []]);
    expect(log.extent()).toEqual({ first: 1, last: 2 });
  });

  it('[COM-3] refuses a batch that does not follow the last one, and writes nothing of it', async () => {
    const log = new MemoryLog();
    await log.append(batch(1));
    for (const number of [0, 1, 3]) {
      await expect(log.append(batch(number))).rejects.toMatchObject({
        code: 'log-unavailable',
        message: expect.stringMatching(/another authority/),
      });
    }
    expect(await read(log, 0)).toEqual([1, 1]);
  });
});

describe('ids', () => {
  it('are hex of their bytes and lead back', () => {
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => i * 17);
    expect(clientIdFromBytes(bytes)).toBe('00112233445566778899aabbccddeeff');
    expect(idBytes(clientIdFromBytes(bytes))).toEqual(bytes);
    expect(epochFromBytes(bytes.subarray(0, 8))).toBe('0011223344556677');
    expect(idBytes(databaseClientId)).toEqual(new Uint8Array(16));
  });
});
