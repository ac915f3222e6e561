/**
 * The file of a Node client's folder, to which writes are appended, to the byte.
 *
 *     file   = header, write*
 *     header = "forerun-replica" LF, u32 layout (2), 8 bytes drawn at random, u32 checksum of what is before it
 *     write  = the 8 bytes, u32 length of body, u32 that length with all bits turned, u32 checksum of body, body
 *     body   = u32 checksum of the removals, removals, varint n, n × (u8 section, varint key, byte array)
 *     removals = varint n, n × (u8 section, varint from, varint to)
 *
 * Law: what a crash has cut short at the end counts for nothing. Damage anywhere else costs what it has hit and nothing
 * behind it: the 8 bytes, which nobody else knows to put into a row, tell where the next write begins, and the checksum of
 * each record which of the damaged write's are good. A part in which there may have been a call is given as a call that
 * can't be read, so that somebody is told.
 */

import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import { checksum } from './checksum.ts';
import {
  applyWrite,
  damagedKeyMin,
  type KeyRange,
  type Section,
  sections,
  type StoredRecord,
  type StoreWrite,
} from './store.ts';
import { isSound } from './stored-format.ts';

const magic = new TextEncoder().encode('forerun-replica\n');
const layout = 2;
const markLength = 8;
const headerLength = magic.length + 4 + markLength + 4;
const writeHeaderLength = markLength + 12;

export type Records = ReadonlyMap<Section, Map<number, Uint8Array>>;

export interface FolderContent {
  /** What writes begin with. */
  readonly mark: Uint8Array;
  /** Where the next one is to be appended. */
  readonly length: number;
  /** Not all of it is as it was written. */
  readonly isDamaged: boolean;
}

export function newHeader(mark: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writer.raw(magic);
  writer.u32(layout);
  writer.raw(mark);
  writer.u32(checksum(writer.view()));
  return writer.take();
}

export function newMark(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(markLength));
}

/** Puts into `records` what the file holds. Undefined when it is none of ours, or of another layout. */
export function readFolderFile(bytes: Uint8Array, records: Records): FolderContent | undefined {
  const mark = markOf(bytes);
  if (mark === undefined) return undefined;
  let isDamaged = !isHeaderWhole(bytes);
  let lost = 0;
  let at = headerLength;
  while (at < bytes.length) {
    const body = wholeBody(bytes, at, mark);
    if (body !== undefined) {
      applyWrite(records, decodeWrite(body));
      at += writeHeaderLength + body.length;
      continue;
    }
    const next = indexOf(bytes, mark, at + 1);
    if (next === undefined && isCutShort(bytes, at, mark))
      return { mark, length: at, isDamaged: isDamaged || lost > 0 };
    const end = next ?? bytes.length;
    isDamaged = true;
    if (!salvage(bytes.subarray(at, end), records)) {
      // Rows are right together only.
      for (const section of ['image', 'changes'] as const) records.get(section)?.clear();
      records.get('calls')?.set(damagedKeyMin + lost++, new Uint8Array());
    }
    at = end;
  }
  return { mark, length: at, isDamaged };
}

export function encodeWrite(mark: Uint8Array, { remove, put }: StoreWrite): Uint8Array {
  const removals = new ByteWriter();
  removals.varint(remove.length);
  for (const { section, from, to } of remove) {
    removals.u8(sections.indexOf(section));
    removals.varint(from);
    removals.varint(Math.min(to, Number.MAX_SAFE_INTEGER));
  }
  const body = new ByteWriter();
  body.u32(checksum(removals.view()));
  body.raw(removals.view());
  body.varint(put.length);
  for (const { section, key, value } of put) {
    body.u8(sections.indexOf(section));
    body.varint(key);
    body.byteArray(value);
  }
  const writer = new ByteWriter();
  writer.raw(mark);
  writer.u32(body.offset);
  writer.u32(~body.offset >>> 0);
  writer.u32(checksum(body.view()));
  writer.raw(body.view());
  return writer.take();
}

/** Where the header is damaged the first write has it as well. */
function markOf(bytes: Uint8Array): Uint8Array | undefined {
  if (isHeaderWhole(bytes)) {
    const reader = new ByteReader(bytes.subarray(magic.length));
    return reader.u32() === layout ? reader.raw(markLength) : undefined;
  }
  const mark = bytes.subarray(headerLength, headerLength + markLength);
  return wholeBody(bytes, headerLength, mark) === undefined ? undefined : mark;
}

function isHeaderWhole(bytes: Uint8Array): boolean {
  if (bytes.length < headerLength || !startsWith(bytes, magic)) return false;
  const sum = new ByteReader(bytes.subarray(headerLength - 4, headerLength)).u32();
  return sum === checksum(bytes.subarray(0, headerLength - 4));
}

function wholeBody(bytes: Uint8Array, at: number, mark: Uint8Array): Uint8Array | undefined {
  if (at + writeHeaderLength > bytes.length || !startsWith(bytes.subarray(at), mark)) return undefined;
  const header = new ByteReader(bytes.subarray(at + markLength, at + writeHeaderLength));
  const [length, turned, sum] = [header.u32(), header.u32(), header.u32()];
  const body = bytes.subarray(at + writeHeaderLength, at + writeHeaderLength + length);
  return ~length >>> 0 === turned && body.length === length && checksum(body) === sum ? body : undefined;
}

/** The beginning of a write, or room that was made for one. */
function isCutShort(bytes: Uint8Array, at: number, mark: Uint8Array): boolean {
  const rest = bytes.subarray(at);
  if (rest.every((byte) => byte === 0)) return true;
  if (!startsWith(mark, rest.subarray(0, markLength))) return false;
  if (rest.length < writeHeaderLength) return true;
  const header = new ByteReader(rest.subarray(markLength));
  const [length, turned] = [header.u32(), header.u32()];
  return ~length >>> 0 === turned && rest.length < writeHeaderLength + length;
}

/** What is good in a damaged write. False when something is not. */
function salvage(write: Uint8Array, records: Records): boolean {
  let isAll = true;
  try {
    const reader = new ByteReader(write.subarray(writeHeaderLength));
    const sum = reader.u32();
    const before = reader.offset;
    const remove = readRemovals(reader);
    if (checksum(write.subarray(writeHeaderLength + before, writeHeaderLength + reader.offset)) === sum)
      applyWrite(records, { remove, put: [] });
    else isAll = false;
    for (let left = reader.varint(); left > 0; left--) {
      const [index, key, value] = [reader.u8(), reader.varint(), reader.byteArray()];
      const named = sections[index];
      const section = [...(named === undefined ? [] : [named]), ...sections].find((each) => isSound(each, key, value));
      if (section === undefined) isAll = false;
      else applyWrite(records, { remove: [], put: [{ section, key, value }] });
    }
    return isAll && reader.remaining === 0;
  } catch {
    return false;
  }
}

function decodeWrite(body: Uint8Array): StoreWrite {
  const reader = new ByteReader(body);
  reader.u32();
  const remove = readRemovals(reader);
  const put: StoredRecord[] = Array.from({ length: reader.varint() }, () => ({
    section: readSection(reader),
    key: reader.varint(),
    value: reader.byteArray(),
  }));
  return { remove, put };
}

function readRemovals(reader: ByteReader): KeyRange[] {
  const count = reader.varint();
  // Each is three bytes at least; a damaged count is no reason to make room for it.
  if (count > reader.remaining) return reader.refuse('more removals than there is room for');
  return Array.from({ length: count }, () => ({
    section: readSection(reader),
    from: reader.varint(),
    to: reader.varint(),
  }));
}

function readSection(reader: ByteReader): Section {
  return sections[reader.u8()] ?? reader.refuse('a section that is unknown');
}

function indexOf(bytes: Uint8Array, part: Uint8Array, from: number): number | undefined {
  const [first = 0] = part;
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1))
    if (startsWith(bytes.subarray(at), part)) return at;
  return undefined;
}

function startsWith(bytes: Uint8Array, part: Uint8Array): boolean {
  return part.length <= bytes.length && part.every((byte, i) => bytes[i] === byte);
}
