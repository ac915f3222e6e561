/**
 * Steps through the combinations of rows that a query's equalities join, from a row of one of its tables to all others.
 *
 * Rows are looked up by what they must be equal to, in the engine; `before` looks at them as they were before some
 * changes that the engine contains already.
 */

import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { keyColumnName, quote } from '../engine/ddl.ts';
import type { Engine } from '../engine/engine.ts';
import { type SqlValue, sqlMapping } from '../engine/sql-value.ts';
import { compareValues } from './compare.ts';
import { type ColumnOperand, comparedType } from './expression.ts';
import type { QueryPlan } from './plan.ts';

interface Equality {
  readonly column: ColumnOperand;
  readonly value: unknown;
}

/** Fewer are looked through one by one. */
const indexedRowsMin = 16;

/** Rows as of now, or as of before the changes. */
export class RowsAt {
  readonly #engine: Engine;
  readonly #before = new Map<number, Map<Key, Row | undefined>>();
  /** Rows of `#before` by the values of columns that were asked for, made when first asked. */
  readonly #byColumn = new Map<string, Map<string, Row[]>>();

  constructor(engine: Engine, changes: readonly RowChange[] = []) {
    this.#engine = engine;
    for (const { tableId, key, before } of changes) {
      const rows = this.#before.get(tableId) ?? new Map<Key, Row | undefined>();
      if (!rows.has(key)) rows.set(key, before);
      this.#before.set(tableId, rows);
    }
  }

  row(tableId: number, key: Key): Row | undefined {
    const before = this.#before.get(tableId);
    return before?.has(key) === true ? before.get(key) : this.#engine.store(tableId).read(key);
  }

  /** Rows that may have these values: those that have the first of them. */
  #were(tableId: number, before: ReadonlyMap<Key, Row | undefined>, [first]: readonly Equality[]): readonly Row[] {
    const rows = (): Row[] => [...before.values()].filter((row) => row !== undefined);
    if (first === undefined || before.size < indexedRowsMin) return rows();
    const { column } = first;
    const name = `${tableId} ${column.field}`;
    let byValue = this.#byColumn.get(name);
    if (byValue === undefined) {
      this.#byColumn.set(name, (byValue = new Map()));
      for (const row of rows()) {
        const value = row[column.field];
        if (value === undefined) continue;
        const known = byValue.get(valueName(column, value));
        if (known === undefined) byValue.set(valueName(column, value), [row]);
        else known.push(row);
      }
    }
    return byValue.get(valueName(column, first.value)) ?? [];
  }

  /** Rows that have these values, of which none is a none. */
  find(tableId: number, equalities: readonly Equality[]): Row[] {
    const store = this.#engine.store(tableId);
    const { shape } = store;
    const byKey = equalities.find(({ column }) => column.field === shape.keyColumn?.field);
    if (byKey !== undefined && shape.keyColumn !== undefined) {
      const row = this.row(tableId, shape.keyColumn.keyOf(byKey.value));
      return row !== undefined && hasValues(row, equalities) ? [row] : [];
    }
    const params: SqlValue[] = [];
    const conditions = equalities.map(({ column, value }) => {
      params.push(sqlMapping(comparedType(column.valueType)).toSql(value as never));
      return `${quote(column.name)} = ?`;
    });
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const found = store.select(`${where} ORDER BY ${quote(keyColumnName(shape.table))}`, params);
    const before = this.#before.get(tableId);
    if (before === undefined) return found;
    const were = this.#were(tableId, before, equalities).filter((row) => hasValues(row, equalities));
    return [...found.filter((row) => !before.has(shape.keyOf(row))), ...were];
  }
}

/** As the column stores it, so that only equal values have equal names. */
function valueName({ valueType }: ColumnOperand, value: unknown): string {
  const stored = sqlMapping(comparedType(valueType)).toSql(value as never);
  return `${typeof stored} ${String(stored)}`;
}

/** The order in which to look for a plan's tables, beginning with one of them; joined ones follow what they are joined to. */
export function joinOrder(plan: QueryPlan, from: number, towards: number = from): number[] {
  const parents = new Map<number, number>([[from, from]]);
  const order = [from];
  for (let at = 0; at < order.length; at++) {
    const place = order[at] as number;
    for (const { left, right } of plan.joins) {
      const other = left.source === place ? right.source : right.source === place ? left.source : undefined;
      if (other === undefined || parents.has(other)) continue;
      parents.set(other, place);
      order.push(other);
    }
  }
  for (const place of plan.sources.keys()) if (!parents.has(place)) order.push(place);
  const path: number[] = [];
  for (let place: number | undefined = towards; place !== undefined && place !== from; place = parents.get(place))
    path.unshift(place);
  return [...new Set([from, ...path, ...order])];
}

/** Binds the tables of `order` from `depth` on, to each combination that fits, and calls back; true ends the walk. */
export function walk(
  plan: QueryPlan,
  order: readonly number[],
  depth: number,
  bound: (Row | undefined)[],
  rows: RowsAt,
  visit: (bound: readonly (Row | undefined)[]) => boolean,
  until: number = order.length,
): boolean {
  if (depth === until) return visit(bound);
  const place = order[depth] as number;
  const equalities: Equality[] = [];
  for (const { left, right } of plan.joins) {
    const [own, other] = left.source === place ? [left, right] : right.source === place ? [right, left] : [];
    const partner = other === undefined ? undefined : bound[other.source];
    if (own === undefined || other === undefined || partner === undefined) continue;
    const value = partner[other.field];
    if (value === undefined) return false;
    equalities.push({ column: own, value });
  }
  const { tableId } = (plan.sources[place] as QueryPlan['sources'][number]).table;
  for (const row of rows.find(tableId, equalities)) {
    bound[place] = row;
    if (walk(plan, order, depth + 1, bound, rows, visit, until)) {
      bound[place] = undefined;
      return true;
    }
  }
  bound[place] = undefined;
  return false;
}

function hasValues(row: Row, equalities: readonly Equality[]): boolean {
  return equalities.every(({ column, value }) => {
    const own = row[column.field];
    return own !== undefined && compareValues(comparedType(column.valueType))(own as never, value as never) === 0;
  });
}
