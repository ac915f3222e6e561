/**
 * The conditions of a query by which it can be found from a row: one of its anchors holds for every row in its result.
 */

import type { Identity } from '../value/identity.ts';
import { compareValues } from './compare.ts';
import { type ColumnOperand, type CompareOp, comparedType, type Expression, type Operand } from './expression.ts';
import type { IntervalEnd } from './interval-index.ts';

export type Anchor =
  | { readonly type: 'equal'; readonly column: ColumnOperand; readonly value: unknown }
  | {
      readonly type: 'range';
      readonly column: ColumnOperand;
      readonly low: IntervalEnd | undefined;
      readonly high: IntervalEnd | undefined;
    };

export interface Anchors {
  /** Alternatives, of which one holds where the condition does; undefined when there are none to go by. */
  readonly anchors: readonly Anchor[] | undefined;
  /** The condition holds exactly where an anchor does. */
  readonly isWhole: boolean;
}

const nothing: Anchors = { anchors: undefined, isWhole: false };

export function anchorsOf(expression: Expression, sender: Identity | undefined): Anchors {
  switch (expression.type) {
    case 'constant':
      return { anchors: expression.value ? undefined : [], isWhole: true };
    case 'and':
      return ofAll(expression.parts, sender);
    case 'or': {
      const parts = expression.parts.map((part) => anchorsOf(part, sender));
      if (parts.some(({ anchors }) => anchors === undefined)) return nothing;
      return {
        anchors: parts.flatMap(({ anchors }) => anchors ?? []),
        isWhole: parts.every(({ isWhole }) => isWhole),
      };
    }
    case 'compare':
      return ofComparison(expression.op, expression.left, expression.right, sender);
    case 'in': {
      const values = expression.values.map((value) => constantOf(value, sender));
      if (values.some((value) => value === undefined)) return nothing;
      return {
        anchors: values.map((value) => ({ type: 'equal', column: expression.operand, value }) as const),
        isWhole: true,
      };
    }
    case 'like':
    case 'isNull':
    case 'not':
      return nothing;
  }
}

/** The best of the parts; ranges over one column count as one range. */
function ofAll(parts: readonly Expression[], sender: Identity | undefined): Anchors {
  const each = parts.map((part) => anchorsOf(part, sender));
  const ranges = each.flatMap(({ anchors }) => (anchors?.length === 1 && anchors[0]?.type === 'range' ? anchors : []));
  const merged = mergedRanges(ranges);
  const candidates: readonly (readonly Anchor[])[] = [
    ...merged.map((range) => [range]),
    ...each.flatMap(({ anchors }) => (anchors === undefined ? [] : [anchors])),
  ];
  const anchors = candidates.toSorted((a, b) => cost(a) - cost(b))[0];
  const isOneRange = merged.length === 1 && ranges.length === parts.length && each.every(({ isWhole }) => isWhole);
  return { anchors, isWhole: isOneRange && anchors !== undefined };
}

function mergedRanges(ranges: readonly Anchor[]): Anchor[] {
  const byField = new Map<string, Extract<Anchor, { type: 'range' }>>();
  for (const range of ranges) {
    if (range.type !== 'range') continue;
    const known = byField.get(range.column.field);
    byField.set(range.column.field, known === undefined ? range : intersection(known, range));
  }
  return [...byField.values()];
}

function intersection(
  a: Extract<Anchor, { type: 'range' }>,
  b: Extract<Anchor, { type: 'range' }>,
): Extract<Anchor, { type: 'range' }> {
  const compare = compareValues(comparedType(a.column.valueType)) as (a: unknown, b: unknown) => number;
  const tighter = (x: IntervalEnd | undefined, y: IntervalEnd | undefined, sign: number): IntervalEnd | undefined => {
    if (x === undefined || y === undefined) return x ?? y;
    const order = compare(x.value, y.value) * sign;
    return order > 0 || (order === 0 && !x.inclusive) ? x : y;
  };
  return { type: 'range', column: a.column, low: tighter(a.low, b.low, 1), high: tighter(a.high, b.high, -1) };
}

/** Few equalities are best, ranges are worse than several of them, and open ones the worst. */
function cost(anchors: readonly Anchor[]): number {
  let sum = 0;
  for (const anchor of anchors)
    sum += anchor.type === 'equal' ? 1 : anchor.low === undefined || anchor.high === undefined ? 1000 : 100;
  return sum;
}

function ofComparison(op: CompareOp, left: Operand, right: Operand, sender: Identity | undefined): Anchors {
  if (left.type !== 'column')
    return right.type === 'column' ? ofComparison(mirrored[op], right, left, sender) : nothing;
  const value = constantOf(right, sender);
  if (value === undefined || op === 'ne') return nothing;
  if (op === 'eq') return { anchors: [{ type: 'equal', column: left, value }], isWhole: true };
  const end = { value, inclusive: op === 'lte' || op === 'gte' };
  const isBelow = op === 'lt' || op === 'lte';
  const [low, high] = isBelow ? [undefined, end] : [end, undefined];
  return { anchors: [{ type: 'range', column: left, low, high }], isWhole: true };
}

const mirrored: { readonly [Op in CompareOp]: CompareOp } = {
  eq: 'eq',
  ne: 'ne',
  lt: 'gt',
  lte: 'gte',
  gt: 'lt',
  gte: 'lte',
};

function constantOf(operand: Operand, sender: Identity | undefined): unknown {
  if (operand.type === 'literal') return operand.value;
  return operand.type === 'sender' ? sender : undefined;
}
