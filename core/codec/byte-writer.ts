/**
 * Bytes written one value at a time, into a buffer that grows and is used again. Little-endian, as in BSATN.
 *
 * The writer trusts its caller: values are checked before they get here. Compiled code claims the bytes of several
 * fields at once and fills them through `data`, which is faster than byte arithmetic for every width.
 */

import { assert } from '../assert.ts';
import { ForerunError } from '../errors.ts';
import { encodeUtf8 } from './utf8.ts';

const bytesInitial = 256;
/** A buffer that had to grow beyond this is given back on `reset`. */
const bytesKeptMax = 1024 * 1024;
/** Up to this length a string is tried as ASCII, character by character, which beats a call into the encoder. */
const asciiLengthMax = 40;

export class ByteWriter {
  /** The buffer, replaced when it grows: don't hold on to it across writes. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(bytesInitial);
  /** Over all of `bytes`, replaced with it. */
  data: DataView<ArrayBuffer> = new DataView(this.bytes.buffer);
  /** How many bytes have been written. */
  offset = 0;

  /** Forgets what was written, keeps the buffer. */
  reset(): void {
    this.offset = 0;
    if (this.bytes.length > bytesKeptMax) this.#replaceBuffer(bytesInitial);
  }

  /** A copy of what was written. */
  take(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.offset);
  }

  /** What was written, without a copy: good until the next write or reset. */
  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.offset);
  }

  /** Makes room for `count` bytes and counts them as written; returns where they start. */
  claim(count: number): number {
    const start = this.offset;
    const end = start + count;
    if (end > this.bytes.length) this.#grow(end);
    this.offset = end;
    return start;
  }

  u8(value: number): void {
    const at = this.claim(1);
    this.bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.claim(2);
    this.data.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.claim(4);
    this.data.setUint32(at, value, true);
  }

  u64(value: bigint): void {
    const at = this.claim(8);
    this.data.setBigUint64(at, value, true);
  }

  u128(value: bigint): void {
    const at = this.claim(16);
    this.u128At(at, value);
  }

  u256(value: bigint): void {
    const at = this.claim(32);
    this.u256At(at, value);
  }

  i8(value: number): void {
    this.u8(value);
  }

  i16(value: number): void {
    this.u16(value);
  }

  i32(value: number): void {
    this.u32(value);
  }

  i64(value: bigint): void {
    this.u64(value);
  }

  i128(value: bigint): void {
    this.u128(value);
  }

  i256(value: bigint): void {
    this.u256(value);
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  f32(value: number): void {
    const at = this.claim(4);
    this.data.setFloat32(at, canonicalFloat(value), true);
  }

  f64(value: number): void {
    const at = this.claim(8);
    this.data.setFloat64(at, canonicalFloat(value), true);
  }

  /** LEB128: seven bits a byte, least significant first, as few bytes as possible. An integer from 0 to 2^53 - 1. */
  varint(value: number): void {
    // Most are small, and cost one claim.
    if (value >>> 0 !== value) return this.#longVarint(value);
    const start = this.claim(5);
    const { bytes } = this;
    let at = start;
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = rest | 0x80;
    bytes[at++] = rest;
    this.offset = at;
  }

  /** u32 length in bytes, then UTF-8. Throws `row-invalid` for a lone surrogate, and then has written nothing. */
  string(value: string): void {
    const length = value.length;
    if (length > asciiLengthMax) {
      this.#utf8(value);
      return;
    }
    const start = this.claim(4 + length);
    const bytes = this.bytes;
    const textStart = start + 4;
    for (let at = 0; at < length; at++) {
      const unit = value.charCodeAt(at);
      if (unit > 0x7f) {
        this.offset = start;
        this.#utf8(value);
        return;
      }
      bytes[textStart + at] = unit;
    }
    this.data.setUint32(start, length, true);
  }

  /** u32 length, then the bytes. */
  byteArray(value: Uint8Array): void {
    this.u32(value.length);
    this.raw(value);
  }

  /** The bytes alone. */
  raw(value: Uint8Array): void {
    const at = this.claim(value.length);
    this.bytes.set(value, at);
  }

  /** Overwrites four bytes already written: a length or count that is only known afterwards. */
  patchU32(at: number, value: number): void {
    assert(at >= 0 && at + 4 <= this.offset, 'a patch lies within what was written');
    this.data.setUint32(at, value, true);
  }

  /** Into bytes already claimed. Takes signed values too: only the low 128 bits count. */
  u128At(at: number, value: bigint): void {
    this.data.setBigUint64(at, value, true);
    this.data.setBigUint64(at + 8, value >> 64n, true);
  }

  /** Into bytes already claimed. Takes signed values too: only the low 256 bits count. */
  u256At(at: number, value: bigint): void {
    this.u128At(at, value);
    this.u128At(at + 16, value >> 128n);
  }

  #longVarint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a varint is an integer from 0 to 2^53 - 1');
    let rest = value;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) this.u8((rest % 128) | 0x80);
    this.varint(rest);
  }

  #utf8(value: string): void {
    const start = this.claim(4);
    const length = encodeUtf8(this, value);
    if (length < 0) {
      this.offset = start;
      throw new ForerunError(
        'row-invalid',
        'string with a lone surrogate: strings are Unicode, use text.toWellFormed()',
      );
    }
    this.data.setUint32(start, length, true);
  }

  #grow(lengthMin: number): void {
    const before = this.bytes;
    this.#replaceBuffer(Math.max(lengthMin, before.length * 2));
    this.bytes.set(before.subarray(0, this.offset));
  }

  #replaceBuffer(length: number): void {
    this.bytes = new Uint8Array(length);
    this.data = new DataView(this.bytes.buffer);
  }
}

/** One bit pattern for NaN (DataView may copy any that it met), one zero. */
export function canonicalFloat(value: number): number {
  return Number.isNaN(value) ? Number.NaN : value + 0;
}
