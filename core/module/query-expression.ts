/** Columns, conditions and aggregates as the query builder hands them to an app: each holds its part of the query's data. */

import { ForerunError } from '../errors.ts';
import type { AggregateName, CompareName, ConditionSpec, FieldSpec, OrderSpec, ValueSpec } from './query-spec.ts';
import type { ColumnExpression, Condition, Predicate, Selected, SumOf } from './table-query.ts';

/** Registered, so that the parts of two copies of this package fit together. */
const fieldKey: unique symbol = Symbol.for('forerun.query.field');
const conditionKey: unique symbol = Symbol.for('forerun.query.condition');
const orderKey: unique symbol = Symbol.for('forerun.query.order');
const aggregateKey: unique symbol = Symbol.for('forerun.query.aggregate');

export interface AggregateSpec {
  readonly aggregate: AggregateName;
  readonly field: FieldSpec | undefined;
}

class ConditionPart implements Predicate {
  readonly [conditionKey]: ConditionSpec;

  constructor(spec: ConditionSpec) {
    this[conditionKey] = spec;
  }

  and(other: Condition): ConditionPart {
    return new ConditionPart({ type: 'and', parts: [this[conditionKey], conditionSpec(other)] });
  }

  or(other: Condition): ConditionPart {
    return new ConditionPart({ type: 'or', parts: [this[conditionKey], conditionSpec(other)] });
  }

  not(): ConditionPart {
    return new ConditionPart({ type: 'not', part: this[conditionKey] });
  }
}

class OrderPart {
  readonly [orderKey]: OrderSpec;
  readonly descending: boolean;

  constructor(field: FieldSpec, descending: boolean) {
    this[orderKey] = { field, descending };
    this.descending = descending;
  }
}

/** A column; the compiler knows its type from the table, and here it is any. */
class ColumnPart {
  readonly [fieldKey]: FieldSpec;

  constructor(field: FieldSpec) {
    this[fieldKey] = field;
  }

  eq(other: unknown): ConditionPart {
    return this.#compare('eq', other);
  }

  ne(other: unknown): ConditionPart {
    return this.#compare('ne', other);
  }

  lt(other: unknown): ConditionPart {
    return this.#compare('lt', other);
  }

  lte(other: unknown): ConditionPart {
    return this.#compare('lte', other);
  }

  gt(other: unknown): ConditionPart {
    return this.#compare('gt', other);
  }

  gte(other: unknown): ConditionPart {
    return this.#compare('gte', other);
  }

  in(values: readonly unknown[]): ConditionPart {
    return new ConditionPart({ type: 'in', field: this[fieldKey], values: [...values] });
  }

  like(pattern: string): ConditionPart {
    return new ConditionPart({ type: 'like', field: this[fieldKey], pattern });
  }

  isNull(): ConditionPart {
    return new ConditionPart({ type: 'isNull', field: this[fieldKey] });
  }

  isNotNull(): ConditionPart {
    return this.isNull().not();
  }

  asc(): OrderPart {
    return new OrderPart(this[fieldKey], false);
  }

  desc(): OrderPart {
    return new OrderPart(this[fieldKey], true);
  }

  #compare(op: CompareName, other: unknown): ConditionPart {
    const right: ValueSpec = hasField(other)
      ? { type: 'field', field: other[fieldKey] }
      : { type: 'value', value: other };
    return new ConditionPart({ type: 'compare', op, left: this[fieldKey], right });
  }
}

/** A column for an app's callback. */
export function columnOf(field: FieldSpec): object {
  return new ColumnPart(field);
}

interface Aggregate<V> extends Selected<V> {
  readonly [aggregateKey]: AggregateSpec;
}

function aggregateOf<V>(aggregate: AggregateName, column: unknown): Aggregate<V> {
  if (column !== undefined && !hasField(column)) throw wrong(`${aggregate}() takes a column`, column);
  return { [aggregateKey]: { aggregate, field: column?.[fieldKey] } };
}

/** How many rows; with a column, in how many it has a value. */
export function count(column?: ColumnExpression<unknown>): Selected<number> {
  return aggregateOf('count', column);
}

/** The sum of a column of numbers; undefined when no row has one. Of bigints it is exact, and may be larger than they. */
export function sum<V extends number | bigint | undefined>(
  column: ColumnExpression<V>,
): Selected<SumOf<V> | undefined> {
  return aggregateOf('sum', column);
}

/** The smallest value, as `orderBy` orders; undefined when no row has one. */
export function min<V>(column: ColumnExpression<V>): Selected<V | undefined> {
  return aggregateOf('min', column);
}

/** The largest value, as `orderBy` orders; undefined when no row has one. */
export function max<V>(column: ColumnExpression<V>): Selected<V | undefined> {
  return aggregateOf('max', column);
}

/** The mean of a column of numbers; undefined when no row has one. */
export function avg<V extends number | bigint | undefined>(column: ColumnExpression<V>): Selected<number | undefined> {
  return aggregateOf('avg', column);
}

export function and(...conditions: readonly Condition[]): Predicate {
  return new ConditionPart({ type: 'and', parts: conditions.map(conditionSpec) });
}

export function or(...conditions: readonly Condition[]): Predicate {
  return new ConditionPart({ type: 'or', parts: conditions.map(conditionSpec) });
}

export function not(condition: Condition): Predicate {
  return new ConditionPart({ type: 'not', part: conditionSpec(condition) });
}

/** What an app's callback returned, as data. Throws `query-invalid`. */
export function conditionSpec(condition: unknown): ConditionSpec {
  if (typeof condition === 'boolean') return { type: 'constant', value: condition };
  if (typeof condition === 'object' && condition !== null && conditionKey in condition)
    return condition[conditionKey] as ConditionSpec;
  if (hasField(condition))
    return { type: 'compare', op: 'eq', left: condition[fieldKey], right: { type: 'value', value: true } };
  throw wrong('a condition is made of columns, such as p.score.gte(10)', condition);
}

export function orderSpecs(order: unknown): OrderSpec[] {
  return listOf(order).map((each) => {
    if (hasField(each)) return { field: each[fieldKey], descending: false };
    if (typeof each === 'object' && each !== null && orderKey in each) return each[orderKey] as OrderSpec;
    throw wrong('orderBy takes columns, such as p.score or p.score.desc()', each);
  });
}

export function fieldSpecs(columns: unknown, what: string): FieldSpec[] {
  return listOf(columns).map((each) => {
    if (hasField(each)) return each[fieldKey];
    throw wrong(`${what} takes columns`, each);
  });
}

/** A column or an aggregate. */
export function selectedSpec(value: unknown, name: string): Partial<AggregateSpec> {
  if (hasField(value)) return { field: value[fieldKey] };
  if (typeof value === 'object' && value !== null && aggregateKey in value) return value[aggregateKey] as AggregateSpec;
  throw wrong(`select takes columns and aggregates; '${name}' is neither`, value);
}

function hasField(value: unknown): value is { readonly [fieldKey]: FieldSpec } {
  return typeof value === 'object' && value !== null && fieldKey in value;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function wrong(rule: string, got: unknown): ForerunError {
  const shown = typeof got === 'object' && got !== null ? 'an object' : String(got);
  return new ForerunError('query-invalid', `Query builder: ${rule}; got ${shown}.`);
}
