/**
 * `sql`: SQL as a template whose values are bound, never spliced.
 *
 *     client.live(sql<Message>`SELECT * FROM message WHERE room = ${room} AND sender = ${identity}`)
 *
 * Law: the text holds nothing but what stands in the source and the
 * texts of other templates; every value is a parameter: as it is stored in a column of its type, whole numbers as they are.
 */

import { type SqlValue, sqlMapping } from '../engine/sql-value.ts';
import { ForerunError } from '../errors.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';

/** Registered, so that templates of two copies of this package fit together. */
const sqlKey: unique symbol = Symbol.for('forerun.sql');

/** A statement with its values, whatever it gives. */
export interface SqlHolder {
  readonly [sqlKey]: SqlText;
}

/** A statement with its values; `Row` is what it gives, as the app says. */
export interface Sql<Row = Record<string, SqlValue>> extends SqlHolder {
  /** Never set; carries `Row` through the compiler. */
  readonly row?: (row: Row) => Row;
}

export interface SqlText {
  readonly text: string;
  readonly params: readonly SqlValue[];
}

/** Throws `query-invalid` for a value that no column could hold. */
export function sql<Row = Record<string, SqlValue>>(
  texts: TemplateStringsArray,
  ...values: readonly unknown[]
): Sql<Row> {
  let text = texts[0] ?? '';
  const params: SqlValue[] = [];
  for (const [i, value] of values.entries()) {
    const part = partOf(value);
    text += part.text + (texts[i + 1] ?? '');
    params.push(...part.params);
  }
  return { [sqlKey]: { text, params } };
}

export function isSql(value: unknown): value is SqlHolder {
  return typeof value === 'object' && value !== null && sqlKey in value;
}

export function sqlText(query: SqlHolder): SqlText {
  return query[sqlKey];
}

function partOf(value: unknown): SqlText {
  if (isSql(value)) return sqlText(value);
  return { text: '?', params: [boundValue(value)] };
}

/** As `sql-value.ts` stores a value of this kind. */
function boundValue(value: unknown): SqlValue {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      return sqlMapping({ type: 'f64' }).toSql(value as never);
    case 'boolean':
      return value ? 1 : 0;
    case 'bigint':
      // What stores it depends on the column that it is compared with.
      if (value < -(2n ** 255n) || value >= 2n ** 256n) break;
      return value;
    case 'undefined':
      return null;
    case 'object':
      return boundObject(value);
  }
  throw new ForerunError('query-invalid', `sql: a ${typeof value} can not be a value of a query.`);
}

function boundObject(value: object | null): SqlValue {
  if (value === null || value instanceof Uint8Array) return value;
  if (value instanceof Identity) return sqlMapping({ type: 'identity' }).toSql(value as never);
  if (value instanceof ConnectionId) return sqlMapping({ type: 'connectionId' }).toSql(value as never);
  if (value instanceof Uuid) return sqlMapping({ type: 'uuid' }).toSql(value as never);
  if (value instanceof Timestamp) return value.__timestamp_micros_since_unix_epoch__;
  if (value instanceof TimeDuration) return value.__time_duration_micros__;
  if ('tag' in value && !('value' in value)) return JSON.stringify({ tag: value.tag });
  throw new ForerunError(
    'query-invalid',
    'sql: an object can not be a value of a query; write its fields, or a part of SQL with sql`…`.',
  );
}
