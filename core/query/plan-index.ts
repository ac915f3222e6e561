/**
 * Many queries over single tables, and which of them a row change concerns: at a cost that does not grow with the
 * queries that it doesn't concern.
 *
 * Each query is filed under the most telling of its conditions (`anchor.ts`): equalities by the value's hash, ranges in
 * an interval index, and only what has neither in a list that every change of the table goes through. Where that
 * condition is all of the query, being found there decides; otherwise what was found is asked in full.
 *
 * Law: `match` gives exactly the queries for which the row before or the row after is in the result.
 */

import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { compileKey } from '../codec/key.ts';
import type { ColumnType } from '../value/column-type.ts';
import type { Identity } from '../value/identity.ts';
import { type Anchor, anchorsOf } from './anchor.ts';
import { compareValues } from './compare.ts';
import { type ColumnOperand, comparedType } from './expression.ts';
import { IntervalIndex } from './interval-index.ts';
import type { QueryPlan } from './plan.ts';
import { type Predicate, predicate } from './predicate.ts';

/** A query of one viewer, for `T`. */
export interface FiledQuery<T> {
  readonly plan: QueryPlan;
  readonly sender: Identity | undefined;
  readonly target: T;
}

/** Whether the row was in the result before, and is after. */
export type Match<T> = (target: T, before: boolean, after: boolean) => void;

interface Entry<T> {
  readonly query: FiledQuery<T>;
  /** Made when it is first asked; undefined before, and for queries that their anchors decide. */
  matches: Predicate | undefined;
  readonly isDecided: boolean;
  /** Undoes the filing. */
  readonly unfile: (() => void)[];
  /** The last matches in which the row before and the row after led to it. */
  foundBefore: number;
  foundAfter: number;
}

interface ColumnIndex<T> {
  readonly field: string;
  readonly keyOf: ((value: unknown) => Key) | undefined;
  /** Most values have one query, for which a set would be wasted. */
  readonly equal: Map<Key, Entry<T> | Set<Entry<T>>>;
  readonly ranges: IntervalIndex<Entry<T>>;
}

interface TableIndex<T> {
  readonly columns: ColumnIndex<T>[];
  readonly others: Set<Entry<T>>;
}

export class PlanIndex<T> {
  readonly #tables = new Map<number, TableIndex<T>>();
  readonly #entries = new Map<FiledQuery<T>, Entry<T>>();
  /** Number of the match that is going on. */
  #match = 0;
  readonly #found: Entry<T>[] = [];

  get size(): number {
    return this.#entries.size;
  }

  /** `query.plan` has one source. */
  add(query: FiledQuery<T>): void {
    const [source] = query.plan.sources;
    if (source === undefined || query.plan.sources.length > 1)
      throw new RangeError('a plan index takes plans of one table');
    const { anchors, isWhole } = anchorsOf(query.plan.where, query.sender);
    const entry: Entry<T> = {
      query,
      matches: undefined,
      isDecided: isWhole,
      unfile: [],
      foundBefore: 0,
      foundAfter: 0,
    };
    this.#entries.set(query, entry);
    const table = this.#table(source.table.tableId);
    if (anchors === undefined) {
      table.others.add(entry);
      entry.unfile.push(() => table.others.delete(entry));
    } else for (const anchor of anchors) file(this.#column(table, anchor.column), anchor, entry);
  }

  remove(query: FiledQuery<T>): void {
    for (const unfile of this.#entries.get(query)?.unfile ?? []) unfile();
    this.#entries.delete(query);
  }

  /** Whether any query is over this table. */
  concerns(tableId: number): boolean {
    const table = this.#tables.get(tableId);
    return (
      table !== undefined &&
      (table.others.size > 0 || table.columns.some(({ equal, ranges }) => equal.size > 0 || ranges.size > 0))
    );
  }

  match({ tableId, before, after }: Omit<RowChange, 'key'>, report: Match<T>): void {
    const table = this.#tables.get(tableId);
    if (table === undefined) return;
    const match = ++this.#match;
    const found = this.#found;
    for (const entry of table.others) {
      entry.foundBefore = before === undefined ? 0 : match;
      entry.foundAfter = after === undefined ? 0 : match;
      found.push(entry);
    }
    for (const column of table.columns) {
      const [old, now] = [before?.[column.field], after?.[column.field]];
      if (old !== undefined) this.#find(column, old, true, now === old, match);
      if (now !== undefined && now !== old) this.#find(column, now, false, true, match);
    }
    // A target may ask again, so the list is this match's own from here on.
    const entries = found.splice(0);
    for (const entry of entries) {
      const wasIn = entry.foundBefore === match && isIn(entry, before);
      const isNow = entry.foundAfter === match && isIn(entry, after);
      if (wasIn || isNow) report(entry.query.target, wasIn, isNow);
    }
  }

  /** Queries whose result this row is in. */
  matchRow(tableId: number, row: Row, report: (target: T) => void): void {
    this.match({ tableId, before: undefined, after: row }, report);
  }

  /** A none fulfils neither an equality nor a range, so it is not looked for. */
  #find(column: ColumnIndex<T>, value: unknown, isBefore: boolean, isAfter: boolean, match: number): void {
    const note = (entry: Entry<T>): void => {
      if (entry.foundBefore !== match && entry.foundAfter !== match) this.#found.push(entry);
      if (isBefore) entry.foundBefore = match;
      if (isAfter) entry.foundAfter = match;
    };
    const { keyOf, equal, ranges } = column;
    if (keyOf !== undefined && equal.size > 0) {
      const entries = equal.get(keyOf(value));
      if (entries instanceof Set) entries.forEach(note);
      else if (entries !== undefined) note(entries);
    }
    if (ranges.size > 0) ranges.find(value, note);
  }

  #table(tableId: number): TableIndex<T> {
    let table = this.#tables.get(tableId);
    if (table === undefined) this.#tables.set(tableId, (table = { columns: [], others: new Set() }));
    return table;
  }

  #column(table: TableIndex<T>, { field, valueType }: ColumnOperand): ColumnIndex<T> {
    let column = table.columns.find((each) => each.field === field);
    if (column === undefined) {
      const type = comparedType(valueType);
      column = {
        field,
        keyOf: isHashable(type) ? compileKey(type) : undefined,
        equal: new Map(),
        ranges: new IntervalIndex(compareValues(type)),
      };
      table.columns.push(column);
    }
    return column;
  }
}

function isIn<T>(entry: Entry<T>, row: Row | undefined): boolean {
  if (row === undefined) return false;
  if (entry.isDecided) return true;
  entry.matches ??= predicate(entry.query.plan.where);
  return entry.matches([row], entry.query.sender);
}

function file<T>(column: ColumnIndex<T>, anchor: Anchor, entry: Entry<T>): void {
  if (anchor.type === 'equal' && column.keyOf !== undefined) {
    const key = column.keyOf(anchor.value);
    addEqual(column.equal, key, entry);
    entry.unfile.push(() => removeEqual(column.equal, key, entry));
    return;
  }
  const end = anchor.type === 'equal' ? { value: anchor.value, inclusive: true } : undefined;
  const interval =
    anchor.type === 'equal'
      ? { low: end, high: end, target: entry }
      : { low: anchor.low, high: anchor.high, target: entry };
  column.ranges.add(interval);
  entry.unfile.push(() => column.ranges.remove(interval));
}

function addEqual<T>(equal: ColumnIndex<T>['equal'], key: Key, entry: Entry<T>): void {
  const known = equal.get(key);
  if (known instanceof Set) known.add(entry);
  else equal.set(key, known === undefined || known === entry ? entry : new Set([known, entry]));
}

function removeEqual<T>(equal: ColumnIndex<T>['equal'], key: Key, entry: Entry<T>): void {
  const known = equal.get(key);
  if (known instanceof Set) {
    known.delete(entry);
    if (known.size === 0) equal.delete(key);
  } else if (known === entry) equal.delete(key);
}

/** Floats have no keys; their equalities are filed as ranges. */
function isHashable(type: ColumnType): boolean {
  return type.type !== 'f32' && type.type !== 'f64';
}
