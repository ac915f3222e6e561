/** Literals of SQL text as values of the column they are compared with. */

import { ForerunError } from '../errors.ts';
import { compileCanonical } from '../codec/canonical.ts';
import { fromHex } from '../engine/json-value.ts';
import type { ColumnType } from '../value/column-type.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';
import type { Token } from './token.ts';

export type LiteralValue = { readonly value: unknown } | { readonly problem: string };

/** A canonical value of `type`, or why the token is none. */
export function literalValue(token: Token, negative: boolean, type: ColumnType): LiteralValue {
  const expectation = expectations[type.type];
  if (expectation === undefined) return { problem: 'values of this column can not be written in a query' };
  try {
    const raw = expectation.read(token, negative, type);
    if (raw === undefined)
      return { problem: `expected ${expectation.what}, got ${negative ? '-' : ''}${token.text.slice(0, 40)}` };
    return { value: compileCanonical(type, 'args-invalid')(raw, 'value') };
  } catch (error) {
    if (error instanceof ForerunError || error instanceof SyntaxError)
      return { problem: `expected ${expectation.what}: ${error.message}` };
    throw error;
  }
}

interface Expectation {
  readonly what: string;
  readonly read: (token: Token, negative: boolean, type: ColumnType) => unknown;
}

const float: Expectation = {
  what: 'a number',
  read: (token, negative) =>
    token.type === 'number'
      ? Number(token.text) * (negative ? -1 : 1)
      : token.type === 'text' && token.text === 'NaN'
        ? Number.NaN
        : undefined,
};
const smallInteger: Expectation = {
  what: 'a whole number in its range',
  read: (token, negative) => (token.type === 'number' ? Number(token.text) * (negative ? -1 : 1) : undefined),
};
const integer: Expectation = {
  what: 'a whole number in its range',
  read: (token, negative) => {
    if (token.type !== 'number' && token.type !== 'hex') return undefined;
    const value = BigInt(token.type === 'hex' ? `0x${token.text}` : token.text);
    return negative ? -value : value;
  },
};
const hexOr = (what: string, of: (hex: string) => unknown): Expectation => ({
  what,
  read: (token, negative) =>
    (token.type === 'hex' || token.type === 'text') && !negative ? of(token.text.replace(/^0x/i, '')) : undefined,
});

const expectations: { readonly [Name in ColumnType['type']]?: Expectation } = {
  bool: {
    what: 'TRUE or FALSE',
    read: (token, negative) => {
      if (negative) return undefined;
      if (token.type === 'name') return token.text.toLowerCase() === 'true';
      return token.type === 'number' && (token.text === '0' || token.text === '1') ? token.text === '1' : undefined;
    },
  },
  string: {
    what: "a text in quotes, such as 'name'",
    read: (token) => (token.type === 'text' ? token.text : undefined),
  },
  f32: float,
  f64: float,
  i8: smallInteger,
  u8: smallInteger,
  i16: smallInteger,
  u16: smallInteger,
  i32: smallInteger,
  u32: smallInteger,
  i64: integer,
  u64: integer,
  i128: integer,
  u128: integer,
  i256: integer,
  u256: integer,
  bytes: { what: "bytes, such as x'00ff'", read: (token) => (token.type === 'hex' ? fromHex(token.text) : undefined) },
  identity: hexOr('an identity of 64 hex digits', (hex) => new Identity(hex)),
  connectionId: hexOr('a connection id of 32 hex digits', (hex) => ConnectionId.fromString(hex)),
  uuid: hexOr('a uuid', (text) => Uuid.parse(text)),
  timestamp: {
    what: "a time: microseconds since 1970, or a text such as '2026-01-31T12:00:00Z'",
    read: (token, negative) => {
      if (token.type === 'number') return new Timestamp(BigInt(token.text) * (negative ? -1n : 1n));
      const millis = token.type === 'text' ? Date.parse(token.text) : Number.NaN;
      return Number.isNaN(millis) ? undefined : new Timestamp(BigInt(millis) * 1000n);
    },
  },
  timeDuration: {
    what: 'a number of microseconds',
    read: (token, negative) =>
      token.type === 'number' ? new TimeDuration(BigInt(token.text) * (negative ? -1n : 1n)) : undefined,
  },
  sum: {
    what: "a variant's name in quotes",
    read: (token) => (token.type === 'text' ? { tag: token.text } : undefined),
  },
};
