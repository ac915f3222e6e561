/**
 * Bytes read one value at a time. Little-endian, as in BSATN.
 *
 * The reader trusts nobody: it never reads past its end, and allocates no more than the bytes that are really there can
 * fill. Whatever is wrong is a `frame-invalid` that names the byte offset. Compiled code takes the bytes of several
 * fields at once, which checks the bound, and reads them through `data`.
 */

import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import { decodeShortAscii, decodeUtf8 } from './utf8.ts';

/** Up to this length a string is tried as ASCII, which beats a call into the decoder. */
const asciiLengthMax = 32;

export class ByteReader {
  /** Over the whole buffer that the input lies in: only offsets that were taken may be used. */
  data: DataView;
  /** Position of the next byte in `data`. */
  offset: number;
  #start: number;
  #end: number;

  constructor(input: Uint8Array) {
    this.data = new DataView(input.buffer);
    this.offset = this.#start = input.byteOffset;
    this.#end = input.byteOffset + input.byteLength;
  }

  /** Begins with other input. Cheaper than a new reader, above all when inputs share a buffer. */
  reset(input: Uint8Array): void {
    if (input.buffer !== this.data.buffer) this.data = new DataView(input.buffer);
    this.offset = this.#start = input.byteOffset;
    this.#end = input.byteOffset + input.byteLength;
  }

  get remaining(): number {
    return this.#end - this.offset;
  }

  /** Bytes read so far: the position that messages speak of. */
  get position(): number {
    return this.offset - this.#start;
  }

  /** Throws `frame-invalid` when input is left over. */
  expectEnd(): void {
    if (this.offset !== this.#end) this.refuse(`${this.remaining} bytes too many`);
  }

  /** Throws `frame-invalid`, naming the byte offset (`at` is a position in `data`, by default the current one). */
  refuse(problem: string, at: number = this.offset): never {
    throw new ForerunError(
      'frame-invalid',
      `malformed input at byte ${at - this.#start} of ${this.#end - this.#start}: ${problem}; do both sides run the same module and version?`,
    );
  }

  /** Steps over `count` bytes, which the caller then reads from `data`; returns where they start. */
  take(count: number): number {
    const start = this.offset;
    if (count > this.#end - start) this.refuse(`${count} bytes expected, ${this.#end - start} left`);
    this.offset = start + count;
    return start;
  }

  u8(): number {
    return this.data.getUint8(this.take(1));
  }

  u16(): number {
    return this.data.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.data.getUint32(this.take(4), true);
  }

  u64(): bigint {
    return this.data.getBigUint64(this.take(8), true);
  }

  /** A u64 as a number, rounded where it lies beyond 2^53. */
  safeU64(): number {
    const at = this.take(8);
    return this.data.getUint32(at + 4, true) * 0x1_0000_0000 + this.data.getUint32(at, true);
  }

  /** The next byte, which stays the next. */
  peek(): number {
    if (this.offset === this.#end) this.refuse('a byte expected, none left');
    return this.data.getUint8(this.offset);
  }

  u128(): bigint {
    return this.u128At(this.take(16));
  }

  u256(): bigint {
    return this.u256At(this.take(32));
  }

  i8(): number {
    return this.data.getInt8(this.take(1));
  }

  i16(): number {
    return this.data.getInt16(this.take(2), true);
  }

  i32(): number {
    return this.data.getInt32(this.take(4), true);
  }

  i64(): bigint {
    return this.data.getBigInt64(this.take(8), true);
  }

  i128(): bigint {
    return this.i128At(this.take(16));
  }

  i256(): bigint {
    return this.i256At(this.take(32));
  }

  bool(): boolean {
    return this.boolAt(this.take(1));
  }

  /** -0 is read as 0. */
  f32(): number {
    return this.data.getFloat32(this.take(4), true) + 0;
  }

  /** -0 is read as 0. */
  f64(): number {
    return this.data.getFloat64(this.take(8), true) + 0;
  }

  /** As `ByteWriter.varint` writes it; more bytes than needed, or a number beyond 2^53 - 1, are refused. */
  varint(): number {
    const start = this.offset;
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let weight = 1;
    do {
      byte = this.u8();
      weight *= 128;
      value += (byte & 0x7f) * weight;
      if (!Number.isSafeInteger(value) || weight > 2 ** 49) this.refuse('varint beyond 2^53 - 1', start);
    } while (byte >= 0x80);
    if (byte === 0) this.refuse('varint longer than needed', start);
    return value;
  }

  string(): string {
    const length = this.elements(1);
    const start = this.take(length);
    if (length <= asciiLengthMax) {
      const text = decodeShortAscii(this.data, start, start + length);
      if (text !== undefined) return text;
    }
    return decodeUtf8(new Uint8Array(this.data.buffer, start, length)) ?? this.refuse('string is not UTF-8', start);
  }

  /** u32 length, then the bytes, copied. */
  byteArray(): Uint8Array<ArrayBuffer> {
    return this.raw(this.elements(1));
  }

  /** The next `length` bytes, copied. */
  raw(length: number): Uint8Array<ArrayBuffer> {
    const start = this.take(length);
    return new Uint8Array(new Uint8Array(this.data.buffer, start, length));
  }

  /** The next `length` bytes, not copied: they change when the input's buffer is used again. */
  rawView(length: number): Uint8Array {
    return new Uint8Array(this.data.buffer, this.take(length), length);
  }

  /** A u32 count of elements that take at least `bytesMin` each, refused when so many can't follow. */
  elements(bytesMin: number): number {
    const at = this.offset;
    const count = this.u32();
    if (count > limits.valueElementsMax) this.refuse(`${count} elements, the limit is ${limits.valueElementsMax}`, at);
    if (count * bytesMin > this.remaining) this.refuse(`${count} elements announced, ${this.remaining} bytes left`, at);
    return count;
  }

  /** The tag byte of a sum with so many variants. */
  variant(count: number): number {
    const at = this.take(1);
    const tag = this.data.getUint8(at);
    if (tag >= count) this.refuse(`tag ${tag} of a type with ${count} variants`, at);
    return tag;
  }

  /** At an offset already taken, as are all of these. */
  boolAt(at: number): boolean {
    const byte = this.data.getUint8(at);
    if (byte > 1) this.refuse(`bool is 0 or 1, got ${byte}`, at);
    return byte === 1;
  }

  u128At(at: number): bigint {
    return (this.data.getBigUint64(at + 8, true) << 64n) | this.data.getBigUint64(at, true);
  }

  i128At(at: number): bigint {
    return (this.data.getBigInt64(at + 8, true) << 64n) | this.data.getBigUint64(at, true);
  }

  u256At(at: number): bigint {
    return (this.u128At(at + 16) << 128n) | this.u128At(at);
  }

  i256At(at: number): bigint {
    return (this.i128At(at + 16) << 128n) | this.u128At(at);
  }
}
