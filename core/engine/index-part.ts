/**
 * One column of an index: its values as keys that can be compared, looked up in a Map and given to SQLite.
 *
 * Floats are no keys of rows, but may be indexed: theirs are the numbers, and the text `NaN`, which is what SQLite has
 * for it too, above all of them.
 */

import { type Codec, compileCodec } from '../codec/bsatn.ts';
import { compileCanonical } from '../codec/canonical.ts';
import { compareKeys, compileKey, valueOfKey } from '../codec/key.ts';
import type { Key } from '../commit/row-change.ts';
import type { TableDefinition } from '../module/definition.ts';
import type { ColumnType } from '../value/column-type.ts';
import { keyToSql, type SqlValue } from './sql-value.ts';

export interface IndexPart {
  readonly field: string;
  /** Name in SQL. */
  readonly column: string;
  readonly type: ColumnType;
  readonly codec: Codec;
  readonly keyOf: (value: unknown) => Key;
  /** Reverses `keyOf`. */
  readonly valueOf: (key: Key) => unknown;
  readonly canonical: (value: unknown, path: string) => unknown;
  readonly compare: (a: Key, b: Key) => number;
  readonly keyToSql: (key: Key) => SqlValue;
}

export function indexPart(table: TableDefinition, position: number): IndexPart {
  const column = table.columns[position];
  if (column === undefined) throw new RangeError(`table ${table.name} has no column ${position}`);
  const { type } = column;
  return {
    field: column.field,
    column: column.name,
    type,
    codec: compileCodec(type),
    ...(type.type === 'f32' || type.type === 'f64' ? floatKeys : keysOf(type)),
    canonical: compileCanonical(type, 'args-invalid'),
    keyToSql: keyToSql(type),
  };
}

type Keys = Pick<IndexPart, 'keyOf' | 'valueOf' | 'compare'>;

function keysOf(type: ColumnType): Keys {
  return { keyOf: compileKey(type), valueOf: valueOfKey(type), compare: compareKeys(type) };
}

const floatKeys: Keys = {
  keyOf: (value) => (Number.isNaN(value) ? 'NaN' : (value as number)),
  valueOf: Number,
  compare: (a, b) => {
    if (a === b) return 0;
    if (typeof a === 'string') return 1;
    return typeof b === 'string' || a < b ? -1 : 1;
  },
};
