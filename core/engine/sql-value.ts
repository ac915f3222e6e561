/**
 * Column values ↔ SQLite values, so that SQL on a replica is natural and every value survives the round trip.
 *
 * | type | SQLite | note |
 * | --- | --- | --- |
 * | i8 … i64, timestamp, timeDuration | INTEGER | durations and timestamps in microseconds |
 * | u64 | INTEGER | values from 2^63 up are stored as their signed twin, so they sort below zero in SQL |
 * | f32, f64 | REAL | NaN, which SQLite would turn into NULL, is the TEXT `NaN`; -0 never gets here |
 * | bool | INTEGER 0 or 1 | |
 * | string | TEXT | |
 * | bytes | BLOB | |
 * | identity, connectionId, uuid, i128 … u256 | BLOB, big-endian, sign bit flipped for signed | memcmp order is value order |
 * | option | NULL or the value | an option of an option is JSON |
 * | everything else | TEXT holding JSON that `->>` can read | see `toJson` |
 *
 * Integers beyond 2^53 cross sql.js as decimal text, which INTEGER affinity turns into the integer; reading them back
 * takes the statement's exact mode, which yields bigints (`database.ts`).
 */

import { bytesOfLatin1 } from '../codec/key.ts';
import type { Key } from '../commit/row-change.ts';
import type { ColumnType, PrimitiveTypeName } from '../value/column-type.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';
import { fromHex, fromJson, toJson } from './json-value.ts';

/** What is bound to and read from a statement. Bigints only come out, in exact mode. */
export type SqlValue = number | bigint | string | Uint8Array | null;

export interface SqlMapping {
  /** Declared type in CREATE TABLE; its affinity is part of the mapping. */
  readonly declared: 'INTEGER' | 'REAL' | 'TEXT' | 'BLOB';
  readonly nullable: boolean;
  /** True when a double may be a rounded integer, so that it must be read again exactly. */
  readonly wide: boolean;
  readonly toSql: (value: never) => SqlValue;
  readonly fromSql: (value: SqlValue) => unknown;
}

const integer = (
  toSql: (value: never) => SqlValue,
  fromSql: (value: SqlValue) => unknown,
  wide = false,
): SqlMapping => ({
  declared: 'INTEGER',
  nullable: false,
  wide,
  toSql,
  fromSql,
});

const same = (value: never): SqlValue => value;
const smallInteger = integer(same, (value) => Number(value));
const float: SqlMapping = {
  declared: 'REAL',
  nullable: false,
  wide: false,
  toSql: (value: number) => (Number.isNaN(value) ? 'NaN' : value),
  fromSql: (value) => (value === 'NaN' ? Number.NaN : Number(value)),
};
const json = (type: ColumnType): SqlMapping => ({
  declared: 'TEXT',
  nullable: false,
  wide: false,
  toSql: (value) => JSON.stringify(toJson(type, value)),
  fromSql: (value) => fromJson(type, JSON.parse(String(value))),
});
const wideBlob = (
  bytes: number,
  signed: boolean,
  wrap: (value: bigint) => unknown,
  unwrap: (value: never) => bigint,
): SqlMapping => ({
  declared: 'BLOB',
  nullable: false,
  wide: false,
  toSql: (value) => toOrderedBytes(unwrap(value), bytes, signed),
  fromSql: (value) => wrap(fromOrderedBytes(value as Uint8Array, signed)),
});
const bigint = (value: bigint): bigint => value;

export const toInteger64 = (value: bigint): SqlValue =>
  value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value.toString();
export const toUnsigned64 = (value: bigint): SqlValue => toInteger64(BigInt.asIntN(64, value));
const fromInteger64 = (value: SqlValue): bigint => BigInt(value as number | bigint);

const primitives: { readonly [Name in PrimitiveTypeName]: SqlMapping } = {
  bool: integer(
    (value: boolean) => (value ? 1 : 0),
    (value) => Number(value) !== 0,
  ),
  i8: smallInteger,
  u8: smallInteger,
  i16: smallInteger,
  u16: smallInteger,
  i32: smallInteger,
  u32: smallInteger,
  i64: integer(toInteger64, fromInteger64, true),
  u64: integer(toUnsigned64, (value) => BigInt.asUintN(64, fromInteger64(value)), true),
  f32: float,
  f64: float,
  string: { declared: 'TEXT', nullable: false, wide: false, toSql: same, fromSql: (value) => value },
  bytes: { declared: 'BLOB', nullable: false, wide: false, toSql: same, fromSql: (value) => value },
  i128: wideBlob(16, true, bigint, bigint),
  u128: wideBlob(16, false, bigint, bigint),
  i256: wideBlob(32, true, bigint, bigint),
  u256: wideBlob(32, false, bigint, bigint),
  identity: wideBlob(
    32,
    false,
    (value) => new Identity(value),
    (value: Identity) => value.__identity__,
  ),
  connectionId: wideBlob(
    16,
    false,
    (value) => new ConnectionId(value),
    (value: ConnectionId) => value.__connection_id__,
  ),
  uuid: wideBlob(
    16,
    false,
    (value) => new Uuid(value),
    (value: Uuid) => value.asBigInt(),
  ),
  timestamp: integer(
    (value: Timestamp) => toInteger64(value.microsSinceUnixEpoch),
    (value) => new Timestamp(fromInteger64(value)),
    true,
  ),
  timeDuration: integer(
    (value: TimeDuration) => toInteger64(value.micros),
    (value) => new TimeDuration(fromInteger64(value)),
    true,
  ),
  scheduleAt: json({ type: 'scheduleAt' }),
  unit: json({ type: 'unit' }),
};

export function sqlMapping(type: ColumnType): SqlMapping {
  switch (type.type) {
    case 'option': {
      if (type.value.type === 'option') return json(type);
      const { declared, wide, toSql, fromSql } = sqlMapping(type.value);
      return {
        declared,
        nullable: true,
        wide,
        toSql: (value) => (value === undefined ? null : toSql(value)),
        fromSql: (value) => (value === null ? undefined : fromSql(value)),
      };
    }
    case 'array':
    case 'result':
    case 'product':
    case 'sum':
      return json(type);
    default:
      return primitives[type.type];
  }
}

/** SQLite value of a key (as the codec's `compileKey` makes it) of a column of this type. */
export function keyToSql(type: ColumnType): (key: Key) => SqlValue {
  switch (type.type) {
    case 'identity':
    case 'connectionId':
    case 'uuid':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      // Keys of wide numbers are the ordered bytes in hex already: V8 hashes only a bigint's low 64 bits.
      return (key) => fromHex(key as string);
    case 'i64':
    case 'timestamp':
    case 'timeDuration':
      return (key) => toInteger64(key as bigint);
    case 'u64':
      return (key) => toUnsigned64(key as bigint);
    case 'bool':
      return (key) => (key === true ? 1 : 0);
    case 'bytes':
      return (key) => bytesOfLatin1(key as string);
    case 'sum':
      return (key) => JSON.stringify({ tag: key as string });
    default:
      return (key) => key as SqlValue;
  }
}

/** Big-endian, the sign bit flipped for signed numbers: comparing the bytes compares the numbers. */
export function toOrderedBytes(value: bigint, length: number, signed: boolean): Uint8Array {
  let rest = signed ? value + (1n << BigInt(length * 8 - 1)) : value;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let offset = length - 8; offset >= 0; offset -= 8) {
    view.setBigUint64(offset, BigInt.asUintN(64, rest));
    rest >>= 64n;
  }
  return bytes;
}

export function fromOrderedBytes(bytes: Uint8Array, signed: boolean): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let value = 0n;
  for (let offset = 0; offset < bytes.length; offset += 8) value = (value << 64n) | view.getBigUint64(offset);
  return signed ? value - (1n << BigInt(bytes.length * 8 - 1)) : value;
}
