/**
 * How a page makes rows of the values that come from its host.
 *
 * Law: a row is the one that the host has, with value classes of this page's, and nothing in it is shared with the host.
 */

import { ownParts } from '../../core/codec/own-value.ts';
import type { Field } from '../../core/value/column-type.ts';
import type { ResultShape, RowValues } from './host-api.ts';

/** Rows are frozen, what is in them is not. */
export type MakeRow = (values: RowValues) => Readonly<Record<string, unknown>>;

export function typedRows(fields: readonly Field[]): MakeRow {
  const parts = ownParts(fields);
  return (values) => {
    const row: Record<string, unknown> = {};
    for (const [i, [name, own]] of parts.entries()) row[name] = own === undefined ? values[i] : own(values[i]);
    return Object.freeze(row);
  };
}

export function rowsOf({ columns, types }: ResultShape): MakeRow {
  if (types !== undefined) return typedRows(types.map((type, i) => ({ name: columns[i] ?? '', type })));
  return (values) => Object.freeze(Object.fromEntries(columns.map((name, i) => [name, values[i] ?? null])));
}
