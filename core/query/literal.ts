/** Literals of SQL text, and values bound beside it, as values of the column they are compared with. */

import { ForerunError } from '../errors.ts';
import { compileCanonical } from '../codec/canonical.ts';
import { fromHex } from '../engine/json-value.ts';
import { type SqlValue, sqlMapping } from '../engine/sql-value.ts';
import type { ColumnType } from '../value/column-type.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';
import { halfCharacter, queryError, type Token } from './token.ts';

export type LiteralValue = { readonly value: unknown } | { readonly problem: string };

/** A `?` with its value, as SQLite stores it. */
export interface Bound {
  readonly type: 'bound';
  readonly text: string;
  readonly value: SqlValue;
}

/** The values of each `?`. Throws `query-invalid` when there are more of the one than of the other. */
export function boundValues(
  sql: string,
  tokens: readonly Token[],
  params: readonly SqlValue[],
): ReadonlyMap<Token, Bound> {
  const places = tokens.filter(({ type }) => type === 'bound');
  if (places.length !== params.length)
    throw queryError(
      sql,
      places[Math.min(params.length, places.length - 1)]?.at ?? 0,
      `it has ${places.length} values to be bound ('?'), and ${params.length} came with it`,
    );
  for (const [i, value] of params.entries())
    if (typeof value === 'string' && !value.isWellFormed()) throw queryError(sql, places[i]?.at ?? 0, halfCharacter);
  return new Map(places.map((token, i) => [token, { type: 'bound', text: '?', value: params[i] ?? null }]));
}

/** A canonical value of `type`, or why the token is none. */
export function literalValue(token: Token | Bound, negative: boolean, type: ColumnType): LiteralValue {
  const expectation = expectations[type.type];
  if (expectation === undefined) return { problem: 'values of this column can not be written in a query' };
  try {
    const raw =
      token.type !== 'bound' || !('value' in token)
        ? expectation.read(token, negative, type)
        : negative
          ? undefined
          : storedValue(token.value, type);
    if (raw === undefined)
      return {
        problem: `expected ${expectation.what}, got ${negative ? '-' : ''}${'value' in token ? shownValue(token.value) : token.text.slice(0, 40)}`,
      };
    return { value: compileCanonical(type, 'args-invalid')(raw, 'value') };
  } catch (error) {
    if (error instanceof ForerunError || error instanceof SyntaxError)
      return { problem: `expected ${expectation.what}: ${error.message}` };
    throw error;
  }
}

/** In bytes. */
const widths: { readonly [Name in ColumnType['type']]?: number } = {
  identity: 32,
  connectionId: 16,
  uuid: 16,
};

/** What a column of this type stores as this value; undefined when it stores nothing so. */
function storedValue(value: SqlValue, type: ColumnType): unknown {
  const { declared, fromSql } = sqlMapping(type);
  switch (declared) {
    case 'INTEGER': {
      if (type.type === 'bool') return value === 0 || value === 1 ? value === 1 : undefined;
      const integer = integerOf(value);
      // Not out of what SQLite holds, which for u64 is the signed twin.
      return integer === undefined || type.type === 'i64' || type.type === 'u64' ? integer : fromSql(integer);
    }
    case 'REAL':
      if (typeof value === 'bigint') return BigInt(Number(value)) === value ? Number(value) : undefined;
      return typeof value === 'number' || value === 'NaN' ? fromSql(value) : undefined;
    case 'BLOB':
      if (/^[iu](?:128|256)$/.test(type.type)) return integerOf(value);
      if (!(value instanceof Uint8Array)) return undefined;
      return value.length === (widths[type.type] ?? value.length) ? fromSql(value) : undefined;
    case 'TEXT':
      if (typeof value !== 'string') return undefined;
      // A variant by its name, or as it is stored.
      return type.type === 'sum' && !value.startsWith('{') ? { tag: value } : fromSql(value);
  }
}

function integerOf(value: SqlValue): bigint | undefined {
  return typeof value === 'bigint' || Number.isInteger(value) ? BigInt(value as bigint | number) : undefined;
}

function shownValue(value: SqlValue): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return value === null ? 'null, which equals nothing: write IS NULL' : String(value).slice(0, 40);
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
      : token.type === 'text' && token.text === 'NaN' && !negative
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
      if (token.type === 'name') return /^(?:true|false)$/i.test(token.text) ? /^true$/i.test(token.text) : undefined;
      return token.type === 'number' && (token.text === '0' || token.text === '1') ? token.text === '1' : undefined;
    },
  },
  string: {
    what: "a text in quotes, such as 'name'",
    read: (token, negative) => (token.type === 'text' && !negative ? token.text : undefined),
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
  bytes: {
    what: "bytes, such as x'00ff'",
    read: (token, negative) => (token.type === 'hex' && !negative ? fromHex(token.text) : undefined),
  },
  identity: hexOr('an identity of 64 hex digits', (hex) => new Identity(hex)),
  connectionId: hexOr('a connection id of 32 hex digits', (hex) => ConnectionId.fromString(hex)),
  uuid: hexOr('a uuid', (text) => Uuid.parse(text)),
  timestamp: {
    what: "a time: microseconds since 1970, or a text such as '2026-01-31T12:00:00Z'",
    read: (token, negative) => {
      if (token.type === 'number') return new Timestamp(BigInt(token.text) * (negative ? -1n : 1n));
      const millis = token.type === 'text' && !negative ? Date.parse(token.text) : Number.NaN;
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
    read: (token, negative) => (token.type === 'text' && !negative ? { tag: token.text } : undefined),
  },
};
