/**
 * Values as Map keys: equal values and only they have equal keys, and keys order as their values do, on every replica.
 *
 * | type | key | order |
 * | --- | --- | --- |
 * | bool, i8 … u32 | the value | false before true; numbers |
 * | i64, u64, timestamp, timeDuration | bigint | numbers |
 * | i128 … u256, identity, connectionId, uuid | hex of fixed width, the sign bit flipped for signed | numbers |
 * | string | the value | Unicode code points, which is UTF-8's order and SQLite's, not JavaScript's |
 * | bytes | a character per byte | bytes, then length |
 * | enum without payloads | the tag | position in the type |
 *
 * The wide ones are text because V8 hashes a bigint by its low 64 bits only: a Map of keys which differ above them
 * degrades to a list.
 */

import { ForerunError } from '../errors.ts';
import type { ColumnType, SumType } from '../value/column-type.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { hexOf } from '../value/hex.ts';
import { Identity } from '../value/identity.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';

export type Key = string | number | bigint | boolean;

/** The key of a canonical value. Throws `module-invalid` for types that can't be keys: floats and composites. */
export function compileKey(type: ColumnType): (value: unknown) => Key {
  return keyForm(type).keyOf;
}

/** The canonical value whose key it is. Throws `module-invalid` as `compileKey` does. */
export function valueOfKey(type: ColumnType): (key: Key) => unknown {
  return keyForm(type).toValue;
}

/** Orders keys of one type: negative, zero or positive. Throws `module-invalid` as `compileKey` does. */
export function compareKeys(type: ColumnType): (a: Key, b: Key) => number {
  return keyForm(type).compare;
}

interface KeyForm {
  readonly keyOf: (value: unknown) => Key;
  readonly toValue: (key: Key) => unknown;
  readonly compare: (a: Key, b: Key) => number;
}

/** The casts here and below: a value is a canonical value of the type, a key is a key of it. */
function keyForm(type: ColumnType): KeyForm {
  switch (type.type) {
    case 'bool':
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
    case 'i32':
    case 'u32':
    case 'i64':
    case 'u64':
      return form(
        (value) => value as Key,
        (key) => key,
      );
    case 'string':
      return {
        ...form(
          (value) => value as Key,
          (key) => key,
        ),
        compare: compareTexts,
      };
    case 'bytes':
      return form(
        (value) => latin1Of(value as Uint8Array),
        (key) => bytesOfLatin1(key as string),
      );
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      return wideInteger(type.type);
    case 'identity':
      return form(
        (value) => (value as Identity).toHexString(),
        (key) => new Identity(key as string),
      );
    case 'connectionId':
      return form(
        (value) => (value as ConnectionId).toHexString(),
        (key) => ConnectionId.fromString(key as string),
      );
    case 'uuid':
      return form(
        (value) => (value as Uuid).toHexString(),
        (key) => Uuid.parse(key as string),
      );
    case 'timestamp':
      return form(
        (value) => (value as Timestamp).__timestamp_micros_since_unix_epoch__,
        (key) => new Timestamp(key as bigint),
      );
    case 'timeDuration':
      return form(
        (value) => (value as TimeDuration).__time_duration_micros__,
        (key) => new TimeDuration(key as bigint),
      );
    case 'sum':
      return tagForm(type);
    default:
      throw notAKey(type.type);
  }
}

/** Keys whose order is JavaScript's. */
function form(keyOf: (value: unknown) => Key, toValue: (key: Key) => unknown): KeyForm {
  return { keyOf, toValue, compare: (a, b) => (a === b ? 0 : a < b ? -1 : 1) };
}

function wideInteger(name: 'i128' | 'u128' | 'i256' | 'u256'): KeyForm {
  const bits = Number(name.slice(1));
  const zero = name.startsWith('i') ? 1n << BigInt(bits - 1) : 0n;
  return form(
    (value) => hexOf((value as bigint) + zero, bits / 4),
    (key) => BigInt(`0x${key}`) - zero,
  );
}

function tagForm(type: SumType): KeyForm {
  if (type.variants.some((variant) => variant.type.type !== 'unit')) throw notAKey('enum with payloads');
  const positions = new Map<Key, number>(type.variants.map((variant, position) => [variant.name, position]));
  return {
    keyOf: (value) => (value as { readonly tag: string }).tag,
    toValue: (tag) => ({ tag }),
    compare: (a, b) => (positions.get(a) ?? 0) - (positions.get(b) ?? 0),
  };
}

/** By code point. UTF-16 puts the surrogates, which stand for the highest code points, before U+E000 to U+FFFF. */
function compareTexts(a: Key, b: Key): number {
  if (a === b) return 0;
  const [these, those] = [a as string, b as string];
  const length = Math.min(these.length, those.length);
  for (let at = 0; at < length; at++) {
    const difference = these.charCodeAt(at) - those.charCodeAt(at);
    if (difference !== 0) return aboveSurrogates(these.charCodeAt(at)) - aboveSurrogates(those.charCodeAt(at));
  }
  return these.length - those.length;
}

function aboveSurrogates(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** A character per byte: what makes byte strings Map keys. */
export function latin1Of(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

export function bytesOfLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function notAKey(what: string): ForerunError {
  return new ForerunError(
    'module-invalid',
    `${what} can't be a key or an index: use an integer, bool, string, bytes, identity, connectionId, uuid, timestamp, timeDuration or an enum without payloads`,
  );
}
