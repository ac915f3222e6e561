/**
 * A universally unique identifier (RFC 9562): a 128-bit number, written as text most significant digit first.
 *
 * The shape (one field, `__uuid__`) and the layout of version 7 are SpacetimeDB's; bytes by position:
 *
 *     0-5    milliseconds since the Unix epoch
 *     6      version: 0x70
 *     7      bits 30-23 of the counter
 *     8      variant: 0x80
 *     9-11   bits 22-0 of the counter, then a zero bit
 *     12-15  random, the first bit zero
 *
 * So uuids of one maker sort by time, then by counter. Chance and counters are given by the caller: in a reducer they
 * come from the call (`ctx.newUuidV4()`, `ctx.newUuidV7()`), alike on every replica.
 */

import { ForerunError } from '../errors.ts';
import { bigEndianBytes, checkBigInt, hexOf, parseHex } from './hex.ts';
import type { Timestamp } from './timestamp.ts';

const uuidMax = (1n << 128n) - 1n;
const hyphenated = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i;

export type UuidVersion = 'Nil' | 'V4' | 'V7' | 'Max';

export class Uuid {
  static readonly MAX_UUID_BIGINT: bigint = uuidMax;
  static readonly NIL: Uuid = new Uuid(0n);
  static readonly MAX: Uuid = new Uuid(uuidMax);

  readonly __uuid__: bigint;
  #hex: string | undefined = undefined;

  /** Throws `args-invalid` outside 0 to 2^128 - 1. */
  constructor(value: bigint) {
    checkBigInt(value, 0n, uuidMax, 'Uuid');
    this.__uuid__ = value;
  }

  /** Version 4 out of 16 random bytes, of which 6 bits are overwritten. Throws `args-invalid`. */
  static fromRandomBytesV4(bytes: Uint8Array): Uuid {
    checkLength(bytes, 16, 'Uuid.fromRandomBytesV4');
    const random = bigIntOf(bytes);
    return new Uuid((random & ~(0xfn << 76n) & ~(0x3n << 62n)) | (0x4n << 76n) | (0x2n << 62n));
  }

  /**
   * Version 7 out of a time, a counter and 4 random bytes. Takes `counter.value` (0 to 2^31 - 1) and moves it on to the
   * next, from the last to 0. Throws `args-invalid`.
   */
  static fromCounterV7(counter: { value: number }, now: Timestamp, randomBytes: Uint8Array): Uuid {
    checkLength(randomBytes, 4, 'Uuid.fromCounterV7');
    const count = counter.value;
    if (!Number.isInteger(count) || count < 0 || count > 0x7fff_ffff) {
      throw new ForerunError('args-invalid', `Uuid.fromCounterV7: expected a counter from 0 to 2^31 - 1, got ${count}`);
    }
    const millis = now.toMillis();
    if (now.microsSinceUnixEpoch < 0n) {
      throw new ForerunError('args-invalid', 'Uuid.fromCounterV7: expected a time after the Unix epoch');
    }
    counter.value = (count + 1) & 0x7fff_ffff;
    return new Uuid(
      ((millis & 0xffff_ffff_ffffn) << 80n) |
        (0x70n << 72n) |
        (BigInt(count >>> 23) << 64n) |
        (0x80n << 56n) |
        (BigInt(count & 0x7f_ffff) << 33n) |
        (bigIntOf(randomBytes) & 0x7fff_ffffn),
    );
  }

  /** From 32 hex digits, with hyphens in their usual places or none. Throws `args-invalid`. */
  static parse(text: string): Uuid {
    return new Uuid(parseHex(text.replace(hyphenated, '$1$2$3$4$5'), 32, 'Uuid'));
  }

  /** 32 lower-case hex digits; made once. */
  toHexString(): string {
    this.#hex ??= hexOf(this.__uuid__, 32);
    return this.#hex;
  }

  /** The usual form with hyphens. */
  toString(): string {
    return this.toHexString().replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  asBigInt(): bigint {
    return this.__uuid__;
  }

  /** 16 bytes, most significant first: the order of the text, and the reverse of BSATN's. */
  toBytes(): Uint8Array {
    return bigEndianBytes(this.__uuid__, 16);
  }

  /** Throws `args-invalid` for versions other than these. */
  getVersion(): UuidVersion {
    if (this.__uuid__ === 0n) return 'Nil';
    if (this.__uuid__ === uuidMax) return 'Max';
    const version = (this.__uuid__ >> 76n) & 0xfn;
    if (version === 4n) return 'V4';
    if (version === 7n) return 'V7';
    throw new ForerunError('args-invalid', `Uuid: ${this} has version ${version}; known are nil, 4, 7 and max`);
  }

  /** The counter that a version 7 uuid was made with; means nothing for the others. */
  getCounter(): number {
    const high = Number((this.__uuid__ >> 64n) & 0xffn);
    const low = Number((this.__uuid__ >> 33n) & 0x7f_ffffn);
    return high * 0x80_0000 + low;
  }

  /** Negative, zero or positive: the order of the numbers, which is the order of the texts. */
  compareTo(other: Uuid): number {
    if (this.__uuid__ === other.__uuid__) return 0;
    return this.__uuid__ < other.__uuid__ ? -1 : 1;
  }
}

function bigIntOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function checkLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) {
    throw new ForerunError('args-invalid', `${what}: expected ${length} bytes, got ${bytes.length}`);
  }
}
