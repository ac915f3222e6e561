/**
 * The tuples of joined tables that a row is part of, now or before a batch of changes: found from the row through the
 * joins, by the indexes of the joined columns. Indexes that are missing are made.
 *
 * Law: `with(source, row, state)` gives every tuple of the plan's FROM, ON and WHERE in that state which has the row at
 * that place, once.
 */

import type { Row } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { sqlMapping } from '../engine/sql-value.ts';
import { valueOrder } from './order.ts';
import { and, comparedType, type Expression } from './expression.ts';
import type { Tuple } from './order.ts';
import type { State } from './batch.ts';
import type { QueryPlan } from './plan.ts';
import { type Predicate, predicate } from './predicate.ts';

/** Reaches one more source from those that are reached. */
interface Step {
  readonly source: number;
  readonly shape: RowShape;
  /** Of a source that is reached already. */
  readonly from: { readonly source: number; readonly field: string };
  readonly field: string;
  readonly lookup: (value: unknown) => readonly Row[];
  readonly isEqual: (a: unknown, b: unknown) => boolean;
}

export class Partners {
  readonly #engine: Engine;
  readonly #plan: QueryPlan;
  readonly #holds: Predicate;
  readonly #ways: readonly (readonly Step[])[];

  constructor(engine: Engine, plan: QueryPlan) {
    this.#engine = engine;
    this.#plan = plan;
    const joins = plan.joins.map(({ left, right }): Expression => ({ type: 'compare', op: 'eq', left, right }));
    this.#holds = predicate(and([...joins, plan.where]));
    this.#ways = plan.sources.map((_, source) => this.#wayFrom(source));
  }

  /** Calls back for each tuple, until one answers false. */
  with(source: number, row: Row, state: State, visit: (tuple: Tuple) => boolean): void {
    const tuple: Row[] = new Array(this.#plan.sources.length);
    tuple[source] = row;
    this.#go(this.#ways[source] ?? [], 0, tuple, state, visit);
  }

  has(source: number, row: Row, state: State): boolean {
    let isFound = false;
    this.with(source, row, state, () => {
      isFound = true;
      return false;
    });
    return isFound;
  }

  #go(way: readonly Step[], at: number, tuple: Row[], state: State, visit: (tuple: Tuple) => boolean): boolean {
    const step = way[at];
    if (step === undefined) return !this.#holds(tuple, undefined) || visit([...tuple]);
    const value = tuple[step.from.source]?.[step.from.field];
    if (value === undefined) return true;
    for (const row of rowsIn(step, value, state)) {
      tuple[step.source] = row;
      if (!this.#go(way, at + 1, tuple, state, visit)) return false;
    }
    return true;
  }

  #wayFrom(start: number): Step[] {
    const { sources, joins } = this.#plan;
    const reached = new Set([start]);
    const way: Step[] = [];
    while (reached.size < sources.length) {
      const join = joins.find(({ left, right }) => reached.has(left.source) !== reached.has(right.source));
      if (join === undefined) throw new RangeError('the tables of a plan are joined');
      const [from, to] = reached.has(join.left.source) ? [join.left, join.right] : [join.right, join.left];
      const table = sources[to.source]?.table;
      if (table === undefined) throw new RangeError('a join is between sources of its plan');
      const compare = valueOrder(comparedType(to.valueType));
      way.push({
        source: to.source,
        shape: this.#engine.shape(table.tableId),
        from: { source: from.source, field: from.field },
        field: to.field,
        lookup: lookup(this.#engine, table.tableId, to.column),
        isEqual: (a, b) => a !== undefined && compare(a, b) === 0,
      });
      reached.add(to.source);
    }
    return way;
  }
}

function rowsIn({ shape, field, lookup, isEqual }: Step, value: unknown, state: State): readonly Row[] {
  const now = lookup(value);
  if (state === 'now') return now;
  const { tableId } = shape.table;
  const rows = now.filter((row) => state.changeOf(tableId, shape.keyOf(row)) === undefined);
  for (const { before } of state.changesOf(tableId))
    if (before !== undefined && isEqual(before[field], value)) rows.push(before);
  return rows;
}

/** The rows of a table with a value in a column. */
function lookup(engine: Engine, tableId: number, column: number): (value: unknown) => readonly Row[] {
  const store = engine.store(tableId);
  const { table, keyColumn } = store.shape;
  if (column === table.primaryKey && keyColumn !== undefined) {
    return (value) => {
      const row = store.read(keyColumn.keyOf(value));
      return row === undefined ? [] : [row];
    };
  }
  const where = store.equalTo(column);
  const { toSql } = sqlMapping(comparedType(table.columns[column]?.type ?? { type: 'unit' }));
  return (value) => store.select(where, [toSql(value as never)]);
}
