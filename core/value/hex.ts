/**
 * Wide unsigned integers as text and bytes: the common ground of identities, connection ids and uuids.
 *
 * Text is big-endian, lower case and of fixed width, so that the order of the texts is the order of the numbers.
 */

import { ForerunError } from '../errors.ts';

const hexDigits = /^[0-9a-fA-F]+$/;

/** Fixed-width lower-case hex. `value` must fit in `digits`. */
export function hexOf(value: bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Reads exactly `digits` hex digits, with or without `0x`. Throws `args-invalid`. `what` names it in the message. */
export function parseHex(text: string, digits: number, what: string): bigint {
  const bare = text.startsWith('0x') ? text.slice(2) : text;
  if (bare.length !== digits || !hexDigits.test(bare)) {
    const got = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
    throw new ForerunError('args-invalid', `${what}: expected ${digits} hex digits, got ${got}`);
  }
  return BigInt(`0x${bare}`);
}

/** The low `length` bytes, least significant first: the form of BSATN. */
export function littleEndianBytes(value: bigint, length: number): Uint8Array {
  return bigEndianBytes(value, length).reverse();
}

/** The low `length` bytes, most significant first: the order in which the text shows them. */
export function bigEndianBytes(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/**
 * Throws `args-invalid` unless `value` is a bigint from `min` to `max`. The parameter is `unknown` because callers
 * without types pass numbers here, and deserve to be told what to write instead.
 */
export function checkBigInt(value: unknown, min: bigint, max: bigint, what: string): void {
  if (typeof value === 'bigint' && value >= min && value <= max) return;
  const problem =
    typeof value === 'bigint' ? `${value} is out of range` : `expected a bigint such as 5n, got ${typeof value}`;
  throw new ForerunError('args-invalid', `${what}: ${problem}`);
}
