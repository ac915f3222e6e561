/**
 * One socket of one client: a 128-bit number. Zero stands for "no connection".
 *
 * The shape (one field, `__connection_id__`) is SpacetimeDB's. There is no `random()`: new ids come from the entropy of
 * the place that accepts connections.
 */

import { checkBigInt, hexOf, littleEndianBytes, parseHex } from './hex.ts';

const connectionIdMax = (1n << 128n) - 1n;
const hexLength = 32;

export class ConnectionId {
  readonly __connection_id__: bigint;
  #hex: string | undefined = undefined;

  /** Throws `args-invalid` outside 0 to 2^128 - 1. */
  constructor(data: bigint) {
    checkBigInt(data, 0n, connectionIdMax, 'ConnectionId');
    this.__connection_id__ = data;
  }

  /** From 32 hex digits, most significant first, `0x` optional. Throws `args-invalid`. */
  static fromString(text: string): ConnectionId {
    return new ConnectionId(parseHex(text, hexLength, 'ConnectionId'));
  }

  /** As `fromString`, with null for the text of zero. Throws `args-invalid`. */
  static fromStringOrNull(text: string): ConnectionId | null {
    return ConnectionId.nullIfZero(ConnectionId.fromString(text));
  }

  static nullIfZero(connectionId: ConnectionId): ConnectionId | null {
    return connectionId.isZero() ? null : connectionId;
  }

  isZero(): boolean {
    return this.__connection_id__ === 0n;
  }

  isEqual(other: ConnectionId): boolean {
    return this.__connection_id__ === other.__connection_id__;
  }

  /** The same as `isEqual`. */
  equals(other: ConnectionId): boolean {
    return this.__connection_id__ === other.__connection_id__;
  }

  /** 32 lower-case hex digits, most significant first; made once. */
  toHexString(): string {
    this.#hex ??= hexOf(this.__connection_id__, hexLength);
    return this.#hex;
  }

  /** 16 bytes, least significant first, as in BSATN: the reverse of the hex text. */
  toUint8Array(): Uint8Array {
    return littleEndianBytes(this.__connection_id__, 16);
  }

  toString(): string {
    return this.toHexString();
  }
}
