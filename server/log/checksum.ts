/**
 * Checksums of what lies in the database file. SQLite notices when its pages don't fit together, not when a bit of a
 * value turns over; these do. CRC-32 as in zip.
 */

import { crc32 } from 'node:zlib';
import type { LogBatch } from '../../core/commit/log.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';

const header = Buffer.alloc(24);

/** Over number, firstSeq and commitCount as u64 little-endian, then the bytes. */
export function batchChecksum({ number, firstSeq, commitCount, bytes }: LogBatch): number {
  header.writeBigUInt64LE(BigInt(number), 0);
  header.writeBigUInt64LE(BigInt(firstSeq), 8);
  header.writeBigUInt64LE(BigInt(commitCount), 16);
  return crc32(bytes, crc32(header));
}

const kind = { null: 0, number: 1, text: 2, blob: 3 } as const;

let scratch = Buffer.alloc(4096);

/**
 * Over the values of a row, each as a kind byte and: nothing for NULL, an f64 for a number, u32 length and bytes for text
 * and blobs, all little-endian. Integers beyond 2^53 are text here, as they are when they cross over (`sql-value.ts`).
 */
export function rowChecksum(values: readonly SqlValue[], from = 0, to: number = values.length): number {
  let at = 0;
  for (let i = from; i < to; i++) {
    const value = values[i] as SqlValue;
    if (value === null) {
      if (at + 1 > scratch.length) grow(at, 1);
      scratch[at++] = kind.null;
    } else if (typeof value === 'number') {
      if (at + 9 > scratch.length) grow(at, 9);
      scratch[at] = kind.number;
      scratch.writeDoubleLE(value, at + 1);
      at += 9;
    } else if (typeof value === 'object') {
      if (at + 5 + value.length > scratch.length) grow(at, 5 + value.length);
      scratch[at] = kind.blob;
      scratch.writeUInt32LE(value.length, at + 1);
      scratch.set(value, at + 5);
      at += 5 + value.length;
    } else {
      const text = String(value);
      if (at + 5 + text.length * 3 > scratch.length) grow(at, 5 + text.length * 3);
      scratch[at] = kind.text;
      const length = scratch.write(text, at + 5, 'utf8');
      scratch.writeUInt32LE(length, at + 1);
      at += 5 + length;
    }
  }
  return crc32(scratch.subarray(0, at));
}

function grow(used: number, wanted: number): void {
  const larger = Buffer.alloc(Math.max(scratch.length * 2, used + wanted));
  larger.set(scratch.subarray(0, used));
  scratch = larger;
}
