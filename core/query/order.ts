/** The order of a result as a comparison of rows, the same as SQLite's by `select.ts`. */

import type { Row } from '../commit/row-change.ts';
import type { TableDefinition } from '../module/definition.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { compareValues } from './compare.ts';
import { comparedType } from './expression.ts';
import type { OrderTerm } from './result-plan.ts';

/** One row per table of FROM. */
export type Tuple = readonly Row[];

type CompareUnknown = (a: unknown, b: unknown) => number;

/** By the terms, then by the keys of the tuples' rows; zero for the same rows only. `shapes` is per row of a tuple. */
export function tupleOrder(terms: readonly OrderTerm[], shapes: readonly RowShape[]): (a: Tuple, b: Tuple) => number {
  const compares = [
    ...terms.map(({ operand, descending }) => {
      const compare = fieldOrder(operand.field, valueOrder(comparedType(operand.valueType)), descending);
      const { source } = operand;
      return (a: Tuple, b: Tuple): number => compare(a[source] as Row, b[source] as Row);
    }),
    ...shapes.map((shape, source) => {
      const compare = keyOrder(shape);
      return (a: Tuple, b: Tuple): number => compare(a[source] as Row, b[source] as Row);
    }),
  ];
  return (a, b) => {
    for (const compare of compares) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** None comes first, as SQLite's NULL does. */
export function fieldOrder(field: string, compare: CompareUnknown, descending: boolean): (a: Row, b: Row) => number {
  const sign = descending ? -1 : 1;
  return (a, b) => {
    const x = a[field];
    const y = b[field];
    if (x === y) return 0;
    if (x === undefined) return -sign;
    return y === undefined ? sign : sign * compare(x, y);
  };
}

export function valueOrder(type: Parameters<typeof compareValues>[0]): CompareUnknown {
  // Every value that gets here is of the type.
  return compareValues(type) as CompareUnknown;
}

/** By the primary key's value, or by the whole row's bytes. */
export function keyOrder(shape: RowShape): (a: Row, b: Row) => number {
  const column = keyColumn(shape.table);
  if (column !== undefined) return fieldOrder(column.field, valueOrder(column.type), false);
  return (a, b) => {
    const [x, y] = [shape.keyOf(a), shape.keyOf(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  };
}

export function keyColumn(table: TableDefinition): TableDefinition['columns'][number] | undefined {
  return table.primaryKey === undefined ? undefined : table.columns[table.primaryKey];
}
