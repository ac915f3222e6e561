/**
 * All that is derived from a table's definition, compiled once: how its rows are checked, copied, compared, keyed,
 * encoded, and stored in SQLite.
 */

import { type Codec, compileCodec } from '../codec/bsatn.ts';
import { ByteWriter } from '../codec/bytes.ts';
import { compileCanonical } from '../codec/canonical.ts';
import { compileCopy } from '../codec/copy.ts';
import { compileEquals } from '../codec/equals.ts';
import { bytesOfLatin1, latin1Of } from '../codec/key.ts';
import { canGenerateCode } from '../codec/source.ts';
import type { Key, Row } from '../commit/row-change.ts';
import type { IndexDefinition, TableDefinition } from '../module/definition.ts';
import { type IndexPart, indexPart } from './index-part.ts';
import { type SqlMapping, type SqlValue, sqlMapping } from './sql-value.ts';

export interface RowShape {
  readonly table: TableDefinition;
  readonly codec: Codec<Row>;
  /** Checks a row from outside and gives our own normalised copy; throws `row-invalid` naming the column. */
  readonly canonical: (row: unknown, path: string) => Row;
  readonly copy: (row: Row) => Row;
  readonly equals: (a: Row, b: Row) => boolean;
  readonly keyOf: (row: Row) => Key;
  readonly compareKeys: (a: Key, b: Key) => number;
  readonly keyColumn: IndexPart | undefined;
  readonly indexes: readonly IndexShape[];
  readonly sql: TableSql;
}

export interface IndexShape {
  readonly definition: IndexDefinition;
  readonly parts: readonly IndexPart[];
}

export interface TableSql {
  readonly columns: readonly SqlMapping[];
  /** Appends a row's SQLite values, in column order, led by `_key` in a table without a primary key. */
  readonly toSql: (row: Row, key: Key, into: SqlValue[]) => void;
  /** Reverses it, for values in column order without `_key`. */
  readonly fromSql: (values: readonly SqlValue[]) => Row;
  readonly keyToSql: (key: Key) => SqlValue;
  /** Whether a row read as doubles holds an integer that may have been rounded. */
  readonly needsExact: ((values: readonly SqlValue[]) => boolean) | undefined;
}

export function rowShape(table: TableDefinition): RowShape {
  const codec = compileCodec(table.rowType) as Codec<Row>;
  const parts = table.columns.map((_, position) => () => indexPart(table, position));
  const keyColumn = table.primaryKey === undefined ? undefined : parts[table.primaryKey]?.();
  return {
    table,
    codec,
    canonical: compileCanonical(table.rowType, 'row-invalid') as (row: unknown, path: string) => Row,
    copy: compileCopy(table.rowType) as (row: Row) => Row,
    equals: compileEquals(table.rowType) as (a: Row, b: Row) => boolean,
    keyOf: keyColumn === undefined ? wholeRowKey(codec) : fieldKey(keyColumn),
    compareKeys: keyColumn === undefined ? (a, b) => (a < b ? -1 : a > b ? 1 : 0) : keyColumn.compare,
    keyColumn,
    indexes: table.indexes.map((definition) => ({
      definition,
      parts: definition.columns.map((position) => indexPart(table, position)),
    })),
    sql: tableSql(table, keyColumn),
  };
}

/** `row => keyOf(row.field)`; compiled, so that the property access is a constant one. */
function fieldKey({ field, keyOf }: IndexPart): (row: Row) => Key {
  return (
    generated<(row: Row) => Key>(['keyOf'], `return row => keyOf(row[${JSON.stringify(field)}]);`, [keyOf]) ??
    ((row) => keyOf(row[field]))
  );
}

function wholeRowKey(codec: Codec<Row>): (row: Row) => Key {
  const writer = new ByteWriter();
  return (row) => {
    writer.reset();
    codec.encode(writer, row);
    return latin1Of(writer.view());
  };
}

function tableSql(table: TableDefinition, keyColumn: IndexPart | undefined): TableSql {
  const columns = table.columns.map((column) => sqlMapping(column.type));
  const fields = table.columns.map((column) => column.field);
  const wide = columns.flatMap((column, i) => (column.wide ? [i] : []));
  const needsExact = (values: readonly SqlValue[]): boolean =>
    wide.some((i) => {
      const value = values[i];
      return typeof value === 'number' && (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER);
    });
  return {
    columns,
    toSql: (row, key, into) => {
      if (keyColumn === undefined) into.push(bytesOfLatin1(key as string));
      for (let i = 0; i < columns.length; i++)
        into.push((columns[i] as SqlMapping).toSql(row[fields[i] as string] as never));
    },
    fromSql: rowBuilder(fields, columns),
    keyToSql: keyColumn === undefined ? (key) => bytesOfLatin1(key as string) : keyColumn.keyToSql,
    needsExact: wide.length === 0 ? undefined : needsExact,
  };
}

/** Builds rows as one object literal, so that they share the hidden class of those the codec decodes. */
function rowBuilder(fields: readonly string[], columns: readonly SqlMapping[]): (values: readonly SqlValue[]) => Row {
  const readers = columns.map((column) => column.fromSql);
  const names = readers.map((_, i) => `read${i}`);
  const literal = fields.map((field, i) => `${JSON.stringify(field)}: read${i}(values[${i}])`).join(', ');
  const build = generated<(values: readonly SqlValue[]) => Row>(names, `return values => ({ ${literal} });`, readers);
  if (build !== undefined) return build;
  return (values) => {
    const row: Record<string, unknown> = {};
    for (let i = 0; i < readers.length; i++)
      row[fields[i] as string] = (readers[i] as SqlMapping['fromSql'])(values[i] as SqlValue);
    return row;
  };
}

/** Undefined where a content security policy forbids code from text. */
function generated<T>(names: readonly string[], body: string, values: readonly unknown[]): T | undefined {
  if (!canGenerateCode()) return undefined;
  return new Function(...names, `'use strict'; ${body}`)(...values) as T;
}
