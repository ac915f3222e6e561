/**
 * Looks at a write-ahead log that was left by a stop, before SQLite does.
 *
 * SQLite reads such a file up to the first frame whose checksum is wrong and silently drops the rest, since a write that
 * the stop cut short looks like that. But a damaged frame in the middle looks the same, and the transactions after it
 * were durable and acknowledged. They are told apart here: each transaction is synced before the next one begins, so a
 * frame that follows the end of a transaction proves that this transaction was whole once.
 *
 * The format is https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
 */

import { existsSync, readFileSync } from 'node:fs';
import { corrupt } from './storage-error.ts';

const headerBytes = 32;
const frameHeaderBytes = 24;
const magicLittleEndian = 0x377f_0682;
const magicBigEndian = 0x377f_0683;

interface Sums {
  s0: number;
  s1: number;
}

/** Throws `database-corrupt` when transactions would be lost. */
export function checkWal(databasePath: string): void {
  const path = `${databasePath}-wal`;
  if (!existsSync(path)) return;
  const wal = readFileSync(path);
  if (wal.length < headerBytes + frameHeaderBytes) return;
  const data = new DataView(wal.buffer, wal.byteOffset, wal.length);
  const magic = data.getUint32(0);
  const salts = [data.getUint32(16), data.getUint32(20)] as const;
  const sums: Sums = { s0: 0, s1: 0 };
  const littleEndian = magic === magicLittleEndian;
  addWords(sums, data, 0, 24, littleEndian);
  const isHeaderWhole =
    (littleEndian || magic === magicBigEndian) && sums.s0 === data.getUint32(24) && sums.s1 === data.getUint32(28);
  if (!isHeaderWhole) {
    // A header cut short stands before frames of an earlier time, whose salts are others.
    const isCurrent = data.getUint32(headerBytes + 8) === salts[0] || data.getUint32(headerBytes + 12) === salts[1];
    if (isCurrent) throw corrupt(databasePath, 'the header of its write-ahead log is broken');
    return;
  }
  const frameBytes = frameHeaderBytes + data.getUint32(8);
  const frameAt = (index: number): number => headerBytes + index * frameBytes;
  const frames = Math.floor((wal.length - headerBytes) / frameBytes);
  const isCurrent = (index: number): boolean =>
    data.getUint32(frameAt(index) + 8) === salts[0] && data.getUint32(frameAt(index) + 12) === salts[1];
  const endsTransaction = (index: number): boolean => data.getUint32(frameAt(index) + 4) !== 0;

  let index = 0;
  while (index < frames && isCurrent(index) && matches(sums, data, frameAt(index), frameBytes, littleEndian)) index++;
  let ended = false;
  for (; index < frames; index++) {
    if (!isCurrent(index)) continue;
    if (ended)
      throw corrupt(
        databasePath,
        `its write-ahead log is broken before frame ${index + 1}, which holds a later transaction`,
      );
    ended = endsTransaction(index);
  }
}

/** Takes the frame into the sums, and compares them with those that it carries. */
function matches(sums: Sums, data: DataView, at: number, frameBytes: number, littleEndian: boolean): boolean {
  addWords(sums, data, at, at + 8, littleEndian);
  addWords(sums, data, at + frameHeaderBytes, at + frameBytes, littleEndian);
  return sums.s0 === data.getUint32(at + 16) && sums.s1 === data.getUint32(at + 20);
}

function addWords(sums: Sums, data: DataView, from: number, to: number, littleEndian: boolean): void {
  let { s0, s1 } = sums;
  for (let at = from; at < to; at += 8) {
    s0 = (s0 + data.getUint32(at, littleEndian) + s1) >>> 0;
    s1 = (s1 + data.getUint32(at + 4, littleEndian) + s0) >>> 0;
  }
  sums.s0 = s0;
  sums.s1 = s1;
}
