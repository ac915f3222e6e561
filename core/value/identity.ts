/**
 * Who calls: a 256-bit number given out by an authority or derived from a token's issuer and subject.
 *
 * The shape (one field, `__identity__`) is SpacetimeDB's, and is all that the codec asks for: an identity made by
 * another copy of this class, or sent through `postMessage`, is as good as one of ours.
 */

import { checkBigInt, hexOf, littleEndianBytes, parseHex } from './hex.ts';

const identityMax = (1n << 256n) - 1n;
const hexLength = 64;

export class Identity {
  readonly __identity__: bigint;
  #hex: string | undefined = undefined;

  /** From 64 hex digits, most significant first, `0x` optional; or from the number itself. Throws `args-invalid`. */
  constructor(data: string | bigint) {
    const value = typeof data === 'string' ? parseHex(data, hexLength, 'Identity') : data;
    checkBigInt(value, 0n, identityMax, 'Identity');
    this.__identity__ = value;
  }

  /** From 64 hex digits, most significant first, `0x` optional. Throws `args-invalid`. */
  static fromString(text: string): Identity {
    return new Identity(text);
  }

  /** The identity that nobody has. */
  static zero(): Identity {
    return new Identity(0n);
  }

  isEqual(other: Identity): boolean {
    return this.__identity__ === other.__identity__;
  }

  /** The same as `isEqual`. */
  equals(other: Identity): boolean {
    return this.__identity__ === other.__identity__;
  }

  /** 64 lower-case hex digits, most significant first; made once. */
  toHexString(): string {
    this.#hex ??= hexOf(this.__identity__, hexLength);
    return this.#hex;
  }

  /** 32 bytes, least significant first, as in BSATN: the reverse of the hex text. */
  toUint8Array(): Uint8Array {
    return littleEndianBytes(this.__identity__, 32);
  }

  toString(): string {
    return this.toHexString();
  }
}
