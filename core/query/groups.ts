/**
 * Groups and their aggregates, kept while the tuples that they are made of come and go.
 *
 * Law: after `settle` there is a group for each value of `by` that some tuple has (without `by`, exactly one), and its
 * aggregates are those of its tuples. Counts and sums follow each tuple; the smallest and largest value are looked up
 * again only when the one that was it has gone.
 */

import { compileCodec } from '../codec/bsatn.ts';
import { ByteWriter } from '../codec/bytes.ts';
import { latin1Of } from '../codec/key.ts';
import type { Row } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import { sqlMapping } from '../engine/sql-value.ts';
import { type Accumulator, Count, Extreme, isFloat, optional, Sum } from './accumulators.ts';
import { and, type ColumnOperand } from './expression.ts';
import type { Tuple } from './order.ts';
import type { Aggregate, ExtremeColumn, Output, ResultPlan, SelectedColumn } from './result-plan.ts';
import { columnsSql, equalTo, needsExact, resultSql } from './select.ts';

type GroupsOutput = Extract<Output, { readonly type: 'groups' }>;

/** What a group's row says of its tuples. */
export interface GroupRow {
  readonly row: Row;
  /** Its values of `by`, under the names `k0`, `k1` … */
  readonly keys: Row;
}

interface Group {
  readonly keys: Row;
  size: number;
  readonly accumulators: readonly Accumulator[];
  shown: GroupRow | undefined;
}

export class Groups {
  readonly #engine: Engine;
  readonly #plan: ResultPlan;
  readonly #output: GroupsOutput;
  readonly #groups = new Map<string, Group>();
  readonly #dirty = new Set<Group>();
  readonly #keyOf: (keys: Row) => string;
  readonly #equals: (a: Row, b: Row) => boolean;

  constructor(engine: Engine, plan: ResultPlan, output: GroupsOutput) {
    this.#engine = engine;
    this.#plan = plan;
    this.#output = output;
    const bytes = bytesOf(output.by.map(({ valueType }, i) => ({ name: `k${i}`, type: valueType })));
    this.#keyOf = bytes;
    const rowBytes = bytesOf(plan.rowType.fields);
    this.#equals = (a, b) => rowBytes(a) === rowBytes(b);
  }

  /** Starts anew with what there is now. */
  start(): void {
    if (this.#hasFloatSums || !this.#startWithSeeds()) this.#startWithEach();
  }

  add(tuple: Tuple): void {
    const group = this.#group(this.#keysOf(tuple));
    group.size++;
    for (const accumulator of group.accumulators) accumulator.add(tuple);
    this.#dirty.add(group);
  }

  remove(tuple: Tuple): void {
    const group = this.#group(this.#keysOf(tuple));
    group.size--;
    for (const accumulator of group.accumulators) accumulator.remove(tuple);
    this.#dirty.add(group);
  }

  /** Calls back for each group whose row is another one, or came, or went. */
  settle(changed: (before: GroupRow | undefined, after: GroupRow | undefined) => void): void {
    for (const group of this.#dirty) {
      const before = group.shown;
      const after = group.size > 0 || this.#output.by.length === 0 ? this.#rowOf(group) : undefined;
      if (before !== undefined && after !== undefined && this.#equals(before.row, after.row)) continue;
      group.shown = after;
      if (after === undefined) this.#groups.delete(this.#keyOf(group.keys));
      if (before !== undefined || after !== undefined) changed(before, after);
    }
    this.#dirty.clear();
  }

  #clear(): void {
    this.#groups.clear();
    this.#dirty.clear();
    if (this.#output.by.length === 0) this.#group({});
  }

  /** Float sums depend on the order of their values unless each is seen. */
  get #hasFloatSums(): boolean {
    return this.#output.columns.some(({ type, operand }) => (type === 'sum' || type === 'avg') && isFloat(operand));
  }

  #startWithEach(): void {
    this.#clear();
    const { by, columns } = this.#output;
    const operands = [...by, ...columns.flatMap(({ operand }) => (operand === undefined ? [] : [operand]))];
    const readers = operands.map(({ source, field, valueType }) => ({ source, field, ...sqlMapping(valueType) }));
    this.#engine.eachRow(columnsSql(this.#plan.rows, operands), needsExact, (values) => {
      const tuple: Record<string, unknown>[] = [];
      for (const [i, { source, field, fromSql }] of readers.entries()) {
        const row = (tuple[source] ??= {});
        row[field] = fromSql(values[i] ?? null);
      }
      this.add(tuple);
    });
  }

  /** SQLite groups faster than rows can be read. */
  #startWithSeeds(): boolean {
    this.#clear();
    const { by, columns } = this.#output;
    const seeds = columns.map((column) => this.#accumulator(column).seeds);
    const all: readonly Aggregate[] = [{ type: 'count', name: '', operand: undefined }, ...seeds.flat()];
    const keyColumns = by.map((operand): SelectedColumn => ({ type: 'column', name: '', operand }));
    const readers = by.map(({ valueType }) => sqlMapping(valueType).fromSql);
    let isExact = true;
    this.#engine.eachRow(resultSql(this.#unordered([...keyColumns, ...all], by)), needsExact, (values) => {
      const group = this.#group(Object.fromEntries(readers.map((read, i) => [`k${i}`, read(values[i] ?? null)])));
      group.size = Number(values[by.length]);
      let at = by.length + 1;
      for (const accumulator of group.accumulators) {
        const { length } = accumulator.seeds;
        isExact = accumulator.seed(values.slice(at, at + length)) && isExact;
        at += length;
      }
    });
    return isExact;
  }

  /** The same rows, grouped like this. */
  #unordered(columns: readonly (SelectedColumn | Aggregate)[], by: readonly ColumnOperand[]): ResultPlan {
    return {
      ...this.#plan,
      output: { type: 'groups', by, columns, having: and([]) },
      orderBy: [],
      limit: undefined,
      offset: 0,
    };
  }

  #keysOf(tuple: Tuple): Row {
    const keys: Record<string, unknown> = {};
    for (const [i, { source, field }] of this.#output.by.entries()) keys[`k${i}`] = tuple[source]?.[field];
    return keys;
  }

  #group(keys: Row): Group {
    const key = this.#keyOf(keys);
    let group = this.#groups.get(key);
    if (group === undefined) {
      const accumulators = this.#output.columns.map((column) => this.#accumulator(column));
      group = { keys, size: 0, accumulators, shown: undefined };
      this.#groups.set(key, group);
      this.#dirty.add(group);
    }
    return group;
  }

  #rowOf({ keys, accumulators }: Group): GroupRow {
    const values = this.#output.columns.map(({ name }, i) => [name, accumulators[i]?.value(keys)] as const);
    return { row: Object.fromEntries(values), keys };
  }

  #accumulator(column: SelectedColumn | Aggregate): Accumulator {
    switch (column.type) {
      case 'column': {
        const { source, field } = column.operand;
        const position = this.#output.by.findIndex((each) => each.source === source && each.field === field);
        return { seeds: [], seed: () => true, add: () => {}, remove: () => {}, value: (keys) => keys[`k${position}`] };
      }
      case 'count':
        return new Count(column);
      case 'sum':
      case 'avg':
        return new Sum(column);
      default:
        return new Extreme(column, (keys) => this.#lookUp(column, keys));
    }
  }

  /** The smallest or largest value of the group now. */
  #lookUp(aggregate: ExtremeColumn, keys: Row): unknown {
    const { rows } = this.#plan;
    const inGroup = this.#output.by.map((operand, i) => equalTo(operand, keys[`k${i}`]));
    const plan = { ...this.#unordered([aggregate], []), rows: { ...rows, where: and([rows.where, ...inGroup]) } };
    let value: unknown;
    this.#engine.eachRow(resultSql(plan), needsExact, ([found]) => {
      value = optional(aggregate.operand, found);
    });
    return value;
  }
}

/** A text per value, equal for equal values only. */
function bytesOf(
  fields: readonly { readonly name: string; readonly type: ColumnOperand['valueType'] }[],
): (row: Row) => string {
  const codec = compileCodec({ type: 'product', fields });
  const writer = new ByteWriter();
  return (row) => {
    writer.reset();
    codec.encode(writer, row);
    return latin1Of(writer.view());
  };
}
