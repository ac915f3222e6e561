/**
 * Strings as UTF-8, strictly: what can't be said in UTF-8 (a lone surrogate) or isn't UTF-8 is refused, not replaced, so
 * that a string never changes on its way. A leading byte order mark is a character like any other.
 */

import type { ByteWriter } from './byte-writer.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A UTF-16 unit becomes at most three bytes. Longer strings are encoded apart, to not claim three times their size. */
const inPlaceLengthMax = 64 * 1024;

/** Appends without a length, and returns the number of bytes; -1 for a lone surrogate. */
export function encodeUtf8(writer: ByteWriter, text: string): number {
  if (text.length > inPlaceLengthMax) {
    const bytes = encoder.encode(text);
    if (!isUnchanged(text, bytes.length)) return -1;
    writer.raw(bytes);
    return bytes.length;
  }
  const start = writer.claim(text.length * 3);
  const { written } = encoder.encodeInto(text, writer.bytes.subarray(start, writer.offset));
  writer.offset = start + written;
  return isUnchanged(text, written) ? written : -1;
}

/** Undefined when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * The bytes from `start` to `end`; undefined when not all are ASCII. Several characters per call keep the string from
 * being built as a tree of pieces.
 */
export function decodeShortAscii(data: DataView, start: number, end: number): string | undefined {
  let text = '';
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const a = data.getUint8(at);
    const b = data.getUint8(at + 1);
    const c = data.getUint8(at + 2);
    const d = data.getUint8(at + 3);
    const e = data.getUint8(at + 4);
    const f = data.getUint8(at + 5);
    const g = data.getUint8(at + 6);
    const h = data.getUint8(at + 7);
    if ((a | b | c | d | e | f | g | h) > 0x7f) return undefined;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; at < end; at++) {
    const unit = data.getUint8(at);
    if (unit > 0x7f) return undefined;
    text += String.fromCharCode(unit);
  }
  return text;
}

/** As many bytes as UTF-16 units means ASCII, and saves the look at the string. */
function isUnchanged(text: string, bytesLength: number): boolean {
  return bytesLength === text.length || text.isWellFormed();
}
