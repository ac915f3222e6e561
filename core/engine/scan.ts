/**
 * Reads through an index, in the index's own order (its columns, then the primary key), the same on every replica.
 *
 * SQLite narrows the rows down; the order is checked here and repaired where SQLite's differs from the values' own:
 * unsigned 64-bit integers from 2^63 up, which it holds as negative ones, and enums, which it holds as text.
 */

import type { Key, Row } from '../commit/row-change.ts';
import type { SumType } from '../value/column-type.ts';
import { keyColumnName, quote } from './ddl.ts';
import type { IndexPart } from './index-part.ts';
import { isWithin, type KeyRange, type RangeBound } from './read-set.ts';
import type { IndexShape, RowShape } from './row-shape.ts';
import type { SqlValue } from './sql-value.ts';
import type { TableStore } from './table-store.ts';

/** Every row, by key. */
export function scanTable(store: TableStore): Row[] {
  const { shape } = store;
  const rows = store.select(`ORDER BY ${quote(keyColumnName(shape.table))}`, []);
  return inOrder(rows, (a, b) => shape.compareKeys(shape.keyOf(a), shape.keyOf(b)));
}

export function scanRange(store: TableStore, range: KeyRange): Row[] {
  const { index, equal } = range;
  const params: SqlValue[] = [];
  const conditions = equal.map((key, i) => {
    const part = index.parts[i] as IndexPart;
    params.push(part.keyToSql(key));
    return `${quote(part.column)} = ?`;
  });
  const part = index.parts[equal.length];
  if (part !== undefined) conditions.push(...boundConditions(part, range.from, range.to, params));
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const order = [...index.parts.map(({ column }) => quote(column)), quote(keyColumnName(store.shape.table))];
  const rows = store.select(`${where} ORDER BY ${order.join(', ')}`, params);
  return inOrder(rows, indexOrder(store.shape, index));
}

export function indexOrder(shape: RowShape, index: IndexShape): (a: Row, b: Row) => number {
  return (a, b) => {
    for (const { field, keyOf, compare } of index.parts) {
      const order = compare(keyOf(a[field]), keyOf(b[field]));
      if (order !== 0) return order;
    }
    return shape.compareKeys(shape.keyOf(a), shape.keyOf(b));
  };
}

function boundConditions(
  part: IndexPart,
  from: RangeBound | undefined,
  to: RangeBound | undefined,
  params: SqlValue[],
): string[] {
  if (from === undefined && to === undefined) return [];
  const column = quote(part.column);
  if (part.type.type === 'sum') return [variantCondition(part, part.type, from, to, params)];
  const low = from === undefined ? undefined : `${column} ${from.inclusive ? '>=' : '>'} ?`;
  const high = to === undefined ? undefined : `${column} ${to.inclusive ? '<=' : '<'} ?`;
  if (from !== undefined) params.push(part.keyToSql(from.key));
  if (to !== undefined) params.push(part.keyToSql(to.key));
  if (part.type.type !== 'u64') return [low, high].filter((condition) => condition !== undefined);
  return unsignedConditions(column, low, high, isUpperHalf(from?.key), isUpperHalf(to?.key));
}

/** Variants order by their position in the type, of which their text in SQLite knows nothing: each is named. */
function variantCondition(
  part: IndexPart,
  { variants }: SumType,
  from: RangeBound | undefined,
  to: RangeBound | undefined,
  params: SqlValue[],
): string {
  const keys = variants.map(({ name }) => name).filter((key) => isWithin(part, key, from, to));
  for (const key of keys) params.push(part.keyToSql(key));
  return `${quote(part.column)} IN (${keys.map(() => '?').join(', ')})`;
}

/** Unsigned numbers from 2^63 up are negative in SQLite: a range over both halves is an OR of the two. */
function unsignedConditions(
  column: string,
  low: string | undefined,
  high: string | undefined,
  lowUpper: boolean,
  highUpper: boolean,
): string[] {
  if (low === undefined && high === undefined) return [];
  if (low === undefined) return highUpper ? [`(${column} >= 0 OR ${high})`] : [`${column} >= 0`, high as string];
  if (high === undefined) return lowUpper ? [low, `${column} < 0`] : [`(${low} OR ${column} < 0)`];
  if (lowUpper === highUpper) return [low, high, `${column} ${lowUpper ? '<' : '>='} 0`];
  return lowUpper ? ['0', low, high] : [`(${low} OR ${high})`];
}

function isUpperHalf(key: Key | undefined): boolean {
  return typeof key === 'bigint' && key >= 1n << 63n;
}

function inOrder(rows: Row[], compare: (a: Row, b: Row) => number): Row[] {
  for (let i = 1; i < rows.length; i++) {
    if (compare(rows[i - 1] as Row, rows[i] as Row) > 0) return rows.sort(compare);
  }
  return rows;
}
