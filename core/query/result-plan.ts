/**
 * A query whose result is more than a set of rows: joined and selected columns, groups, an order, a part of them. Made
 * from the builder's data (`plan-query.ts`); SQL (`select.ts`), comparisons (`order.ts`) and the operators that keep a
 * result up to date are all made from this.
 *
 * Law: a result has one order, whatever asked for it: its terms first, then the keys of its tables, or what it is
 * grouped by. So every replica, and SQLite, gives the same rows in the same places.
 */

import type { ProductType } from '../value/column-type.ts';
import type { ColumnOperand, Expression } from './expression.ts';
import type { QueryPlan } from './plan.ts';

export interface ResultPlan {
  /** FROM, ON and WHERE. Its `result` counts for whole rows only. */
  readonly rows: QueryPlan;
  readonly output: Output;
  readonly orderBy: readonly OrderTerm[];
  readonly limit: number | undefined;
  readonly offset: number;
  /** Of a row of the result. */
  readonly rowType: ProductType;
}

export type Output =
  /** Rows of one table, each once, however many partners it has. */
  | { readonly type: 'rows' }
  /** Columns of each combination of rows. */
  | { readonly type: 'columns'; readonly columns: readonly SelectedColumn[] }
  /** One row per value of `by`; without `by`, exactly one. */
  | {
      readonly type: 'groups';
      readonly by: readonly ColumnOperand[];
      readonly columns: readonly (SelectedColumn | Aggregate)[];
      /** Its columns, and those of the order, are positions in `columns`. */
      readonly having: Expression;
    };

export interface SelectedColumn {
  readonly type: 'column';
  readonly name: string;
  readonly operand: ColumnOperand;
}

export type Aggregate = CountColumn | SumColumn | ExtremeColumn;

export interface CountColumn {
  readonly type: 'count';
  readonly name: string;
  /** Undefined: of all rows; else of those with a value here. */
  readonly operand: ColumnOperand | undefined;
}

export interface SumColumn {
  readonly type: 'sum' | 'avg';
  readonly name: string;
  readonly operand: ColumnOperand;
}

export interface ExtremeColumn {
  readonly type: 'min' | 'max';
  readonly name: string;
  readonly operand: ColumnOperand;
}

export interface OrderTerm {
  readonly operand: ColumnOperand;
  readonly descending: boolean;
}
