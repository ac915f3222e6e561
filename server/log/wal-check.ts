/**
 * Looks at a write-ahead log that was left by a stop, before SQLite does.
 *
 * SQLite reads such a file up to the first frame whose checksum is wrong and silently drops the rest, since a write that
 * the stop cut short looks like that. But a damaged frame in the middle looks the same, and the transactions after it
 * were durable and acknowledged. They are told apart here: each transaction is synced before the next one begins, so a
 * frame that follows the end of a transaction proves that this transaction was whole once.
 *
 * A broken header hides all of them from SQLite. A new header that a stop cut short looks the same; but it is written only
 * when the file of the database has every page of the frames behind it, and that can be seen.
 *
 * The formats are https://www.sqlite.org/fileformat2.html#the_write_ahead_log and #the_database_header.
 */

import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { corrupt } from './storage-error.ts';

const headerBytes = 32;
const frameHeaderBytes = 24;
const databaseHeaderBytes = 100;
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
    if (isInDatabase(databasePath, wal)) return;
    throw corrupt(databasePath, 'the header of its write-ahead log is broken');
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

/** Whether the file of the database has what the transactions of the first frames had made of its pages. */
function isInDatabase(databasePath: string, wal: Buffer): boolean {
  const database = openSync(databasePath, 'r');
  try {
    const header = Buffer.alloc(databaseHeaderBytes);
    if (readSync(database, header, 0, header.length, 0) < header.length) return false;
    // A size that doesn't fit into 16 bits is written as 1.
    const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
    const pages = pageBytes < 512 ? undefined : committedPages(wal, pageBytes);
    if (pages === undefined) return false;
    const page = Buffer.alloc(pageBytes);
    return [...pages].every(([number, image]) => {
      const length = readSync(database, page, 0, pageBytes, (number - 1) * pageBytes);
      return length === pageBytes && image.equals(page);
    });
  } finally {
    closeSync(database);
  }
}

/** The newest image of each page among the first frames, which have the same salts; undefined without a whole transaction. */
function committedPages(wal: Buffer, pageBytes: number): ReadonlyMap<number, Buffer> | undefined {
  const pages = new Map<number, Buffer>();
  let open: [number, Buffer][] = [];
  let ended = false;
  const salts = wal.subarray(headerBytes + 8, headerBytes + 16);
  for (let at = headerBytes; at + frameHeaderBytes + pageBytes <= wal.length; at += frameHeaderBytes + pageBytes) {
    if (!wal.subarray(at + 8, at + 16).equals(salts)) break;
    open.push([wal.readUInt32BE(at), wal.subarray(at + frameHeaderBytes, at + frameHeaderBytes + pageBytes)]);
    if (wal.readUInt32BE(at + 4) === 0) continue;
    for (const [number, image] of open) pages.set(number, image);
    open = [];
    ended = true;
  }
  return ended ? pages : undefined;
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
