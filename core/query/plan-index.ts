/**
 * Many queries over single tables, and which of them a row change concerns: at a cost that does not grow with the
 * queries that it doesn't concern.
 *
 * Each query is filed under the most telling of its conditions: equalities by the value's hash, ranges in an interval
 * index, and only what has neither in a list that every change of the table goes through. Whatever is found there is
 * then asked in full.
 *
 * Law: `match` gives exactly the queries for which the row before or the row after is in the result.
 */

import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { compileKey } from '../codec/key.ts';
import type { ColumnType } from '../value/column-type.ts';
import type { Identity } from '../value/identity.ts';
import { compareValues } from './compare.ts';
import { type ColumnOperand, type CompareOp, comparedType, type Expression, type Operand } from './expression.ts';
import { type Interval, IntervalIndex } from './interval-index.ts';
import type { QueryPlan } from './plan.ts';
import { type Predicate, predicate } from './predicate.ts';

/** A query of one viewer, for `T`. */
export interface FiledQuery<T> {
  readonly plan: QueryPlan;
  readonly sender: Identity;
  readonly target: T;
}

/** Whether the row was in the result before, and is after. */
export type Match<T> = (target: T, before: boolean, after: boolean) => void;

/** Where a query is filed. */
type Anchor =
  | { readonly type: 'equal'; readonly column: ColumnOperand; readonly value: unknown }
  | { readonly type: 'range'; readonly column: ColumnOperand; readonly interval: Omit<Interval<never>, 'target'> };

interface Entry<T> {
  readonly target: T;
  readonly sender: Identity;
  readonly matches: Predicate;
  readonly tableId: number;
  /** Undoes the filing. */
  readonly unfile: (() => void)[];
}

interface ColumnIndex<T> {
  readonly field: string;
  readonly keyOf: ((value: unknown) => Key) | undefined;
  readonly equal: Map<Key, Set<Entry<T>>>;
  readonly ranges: IntervalIndex<Entry<T>>;
}

interface TableIndex<T> {
  readonly columns: Map<string, ColumnIndex<T>>;
  readonly others: Set<Entry<T>>;
}

export class PlanIndex<T> {
  readonly #tables = new Map<number, TableIndex<T>>();
  readonly #entries = new Map<FiledQuery<T>, Entry<T>>();

  get size(): number {
    return this.#entries.size;
  }

  /** `query.plan` has one source. */
  add(query: FiledQuery<T>): void {
    const [source] = query.plan.sources;
    if (source === undefined || query.plan.sources.length > 1)
      throw new RangeError('a plan index takes plans of one table');
    const { tableId } = source.table;
    const entry: Entry<T> = {
      target: query.target,
      sender: query.sender,
      matches: predicate(query.plan.where),
      tableId,
      unfile: [],
    };
    this.#entries.set(query, entry);
    const table = this.#table(tableId);
    const anchors = anchorsOf(query.plan.where, query.sender);
    if (anchors === undefined) {
      table.others.add(entry);
      entry.unfile.push(() => table.others.delete(entry));
    } else for (const anchor of anchors) file(this.#column(table, anchor.column), anchor, entry);
  }

  remove(query: FiledQuery<T>): void {
    for (const unfile of this.#entries.get(query)?.unfile ?? []) unfile();
    this.#entries.delete(query);
  }

  match({ tableId, before, after }: RowChange, report: Match<T>): void {
    const table = this.#tables.get(tableId);
    if (table === undefined) return;
    const found = new Set<Entry<T>>(table.others);
    for (const column of table.columns.values()) {
      if (before !== undefined) find(column, before[column.field], found);
      if (after !== undefined && !(before !== undefined && before[column.field] === after[column.field]))
        find(column, after[column.field], found);
    }
    for (const entry of found) {
      const wasIn = isIn(entry, before);
      const isNow = isIn(entry, after);
      if (wasIn || isNow) report(entry.target, wasIn, isNow);
    }
  }

  #table(tableId: number): TableIndex<T> {
    let table = this.#tables.get(tableId);
    if (table === undefined) this.#tables.set(tableId, (table = { columns: new Map(), others: new Set() }));
    return table;
  }

  #column(table: TableIndex<T>, { field, valueType }: ColumnOperand): ColumnIndex<T> {
    let column = table.columns.get(field);
    if (column === undefined) {
      const type = comparedType(valueType);
      column = {
        field,
        keyOf: isHashable(type) ? compileKey(type) : undefined,
        equal: new Map(),
        ranges: new IntervalIndex(compareValues(type)),
      };
      table.columns.set(field, column);
    }
    return column;
  }
}

function isIn<T>({ matches, sender }: Entry<T>, row: Row | undefined): boolean {
  return row !== undefined && matches([row], sender);
}

function find<T>({ keyOf, equal, ranges }: ColumnIndex<T>, value: unknown, found: Set<Entry<T>>): void {
  // A none fulfils neither an equality nor a range.
  if (value === undefined) return;
  if (keyOf !== undefined && equal.size > 0) for (const entry of equal.get(keyOf(value)) ?? []) found.add(entry);
  if (ranges.size > 0) ranges.find(value, (entry) => found.add(entry));
}

function file<T>(column: ColumnIndex<T>, anchor: Anchor, entry: Entry<T>): void {
  if (anchor.type === 'equal' && column.keyOf !== undefined) {
    const key = column.keyOf(anchor.value);
    const entries = column.equal.get(key) ?? new Set();
    column.equal.set(key, entries.add(entry));
    entry.unfile.push(() => {
      entries.delete(entry);
      if (entries.size === 0 && column.equal.get(key) === entries) column.equal.delete(key);
    });
    return;
  }
  const end = anchor.type === 'equal' ? { value: anchor.value, inclusive: true } : undefined;
  const interval =
    anchor.type === 'equal' ? { low: end, high: end, target: entry } : { ...anchor.interval, target: entry };
  column.ranges.add(interval);
  entry.unfile.push(() => column.ranges.remove(interval));
}

/** Conditions of which one must hold for the whole to hold; undefined when there are none to file by. */
function anchorsOf(expression: Expression, sender: Identity): readonly Anchor[] | undefined {
  switch (expression.type) {
    case 'constant':
      return expression.value ? undefined : [];
    case 'and': {
      const candidates = expression.parts.flatMap((part) => {
        const anchors = anchorsOf(part, sender);
        return anchors === undefined ? [] : [anchors];
      });
      return candidates.sort((a, b) => cost(a) - cost(b))[0];
    }
    case 'or': {
      const parts = expression.parts.map((part) => anchorsOf(part, sender));
      return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? []);
    }
    case 'compare':
      return comparisonAnchor(expression.op, expression.left, expression.right, sender);
    case 'in':
      return expression.values.flatMap((value) => {
        const literal = constantOf(value, sender);
        return literal === undefined ? [] : [{ type: 'equal', column: expression.operand, value: literal } as const];
      });
    case 'like':
    case 'isNull':
    case 'not':
      return undefined;
  }
}

/** Few equalities are best, ranges are worse than several of them. */
function cost(anchors: readonly Anchor[]): number {
  return anchors.reduce((sum, { type }) => sum + (type === 'equal' ? 1 : 100), 0);
}

function comparisonAnchor(
  op: CompareOp,
  left: Operand,
  right: Operand,
  sender: Identity,
): readonly Anchor[] | undefined {
  if (left.type !== 'column')
    return right.type === 'column' ? comparisonAnchor(mirrored[op], right, left, sender) : undefined;
  const value = constantOf(right, sender);
  if (value === undefined || op === 'ne') return undefined;
  if (op === 'eq') return [{ type: 'equal', column: left, value }];
  const end = { value, inclusive: op === 'lte' || op === 'gte' };
  const interval = op === 'lt' || op === 'lte' ? { low: undefined, high: end } : { low: end, high: undefined };
  return [{ type: 'range', column: left, interval }];
}

const mirrored: { readonly [Op in CompareOp]: CompareOp } = {
  eq: 'eq',
  ne: 'ne',
  lt: 'gt',
  lte: 'gte',
  gt: 'lt',
  gte: 'lte',
};

function constantOf(operand: Operand, sender: Identity): unknown {
  if (operand.type === 'literal') return operand.value;
  return operand.type === 'sender' ? sender : undefined;
}

/** Floats have no keys; their equalities are filed as ranges. */
function isHashable(type: ColumnType): boolean {
  return type.type !== 'f32' && type.type !== 'f64';
}
