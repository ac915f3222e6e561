/**
 * The aggregates of one group, kept while the tuples that they are taken over come and go.
 *
 * Law: `value` is the aggregate of the tuples that were added and not removed; the smallest and largest value are looked
 * up again only when the one that was it has gone.
 */

import type { Row } from '../commit/row-change.ts';
import { type SqlValue, sqlMapping } from '../engine/sql-value.ts';
import { ExactSum } from './exact-sum.ts';
import { type ColumnOperand, comparedType } from './expression.ts';
import { type Tuple, valueOrder } from './order.ts';
import type { Aggregate, CountColumn, ExtremeColumn, SumColumn } from './result-plan.ts';

/** One aggregate of one group. */
export interface Accumulator {
  /** What SQLite is asked for to begin with. */
  readonly seeds: readonly Aggregate[];
  /** Begins with SQLite's answers; false when they are not exact, and each value has to be seen. */
  seed(values: readonly SqlValue[]): boolean;
  add(tuple: Tuple): void;
  remove(tuple: Tuple): void;
  /** Of the group with these values. */
  value(keys: Row): unknown;
}

export class Count implements Accumulator {
  readonly seeds: readonly Aggregate[];
  readonly #operand: ColumnOperand | undefined;
  #count = 0;

  constructor(aggregate: CountColumn) {
    this.#operand = aggregate.operand;
    this.seeds = [aggregate];
  }

  seed([count]: readonly SqlValue[]): boolean {
    this.#count = Number(count);
    return true;
  }

  add(tuple: Tuple): void {
    if (this.#operand === undefined || valueIn(this.#operand, tuple) !== undefined) this.#count++;
  }

  remove(tuple: Tuple): void {
    if (this.#operand === undefined || valueIn(this.#operand, tuple) !== undefined) this.#count--;
  }

  value(): number {
    return this.#count;
  }
}

export class Sum implements Accumulator {
  readonly seeds: readonly Aggregate[];
  readonly #type: 'sum' | 'avg';
  readonly #operand: ColumnOperand;
  readonly #sum: ExactSum;
  readonly #isBig: boolean;

  constructor({ type, operand }: SumColumn) {
    this.#type = type;
    this.#operand = operand;
    this.#sum = new ExactSum(isFloat(operand));
    this.#isBig = /^[iu]64$/.test(comparedType(operand.valueType).type);
    this.seeds = [
      { type: 'count', name: '', operand },
      { type: 'sum', name: '', operand },
    ];
  }

  /** A sum that does not fit an INTEGER comes as a double, which has lost digits. */
  seed([count, sum]: readonly SqlValue[]): boolean {
    if (sum === null || sum === undefined) return true;
    if (typeof sum !== 'bigint' && !Number.isSafeInteger(sum)) return false;
    this.#sum.addTotal(BigInt(sum as number | bigint), Number(count));
    return true;
  }

  add(tuple: Tuple): void {
    const value = valueIn(this.#operand, tuple);
    if (value !== undefined) this.#sum.add(value as number | bigint);
  }

  remove(tuple: Tuple): void {
    const value = valueIn(this.#operand, tuple);
    if (value !== undefined) this.#sum.remove(value as number | bigint);
  }

  value(): number | bigint | undefined {
    const { count, number, integer } = this.#sum;
    if (count === 0) return undefined;
    if (this.#type === 'avg') return number / count;
    return this.#isBig ? integer : number;
  }
}

export class Extreme implements Accumulator {
  readonly seeds: readonly Aggregate[];
  readonly #operand: ColumnOperand;
  readonly #lookUp: (keys: Row) => unknown;
  /** Negative when the first is nearer to the extreme. */
  readonly #compare: (a: unknown, b: unknown) => number;
  #value: unknown;
  #isLost = false;

  constructor(aggregate: ExtremeColumn, lookUp: (keys: Row) => unknown) {
    const { type, operand } = aggregate;
    this.seeds = [aggregate];
    this.#operand = operand;
    this.#lookUp = lookUp;
    const compare = valueOrder(comparedType(operand.valueType));
    this.#compare = type === 'min' ? compare : (a, b) => compare(b, a);
  }

  seed([value]: readonly SqlValue[]): boolean {
    this.#value = optional(this.#operand, value);
    return true;
  }

  add(tuple: Tuple): void {
    const value = valueIn(this.#operand, tuple);
    if (value === undefined) return;
    // One that reaches what was lost is the extreme, whatever else there is.
    if (this.#value === undefined || this.#compare(value, this.#value) <= 0) {
      this.#value = value;
      this.#isLost = false;
    }
  }

  remove(tuple: Tuple): void {
    const value = valueIn(this.#operand, tuple);
    if (value !== undefined && this.#value !== undefined && this.#compare(value, this.#value) <= 0) this.#isLost = true;
  }

  value(keys: Row): unknown {
    if (this.#isLost) {
      this.#value = this.#lookUp(keys);
      this.#isLost = false;
    }
    return this.#value;
  }
}

function valueIn({ source, field }: ColumnOperand, tuple: Tuple): unknown {
  return tuple[source]?.[field];
}

export function optional({ valueType }: ColumnOperand, value: SqlValue | undefined): unknown {
  return value === null || value === undefined ? undefined : sqlMapping(comparedType(valueType)).fromSql(value);
}

export function isFloat(operand: ColumnOperand | undefined): boolean {
  return operand !== undefined && /^f/.test(comparedType(operand.valueType).type);
}
