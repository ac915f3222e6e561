/**
 * Conditions over rows, as data: what SQL text and the query builder are both turned into, and what a predicate, SQL and
 * the subscription index are all made from.
 *
 * Law: a condition means what SQLite makes of it, with SQL's three truths: a comparison with NULL (an option's none) is
 * unknown, and a row is in the result only where the condition is true.
 */

import type { ColumnType } from '../value/column-type.ts';

export type Expression =
  | { readonly type: 'constant'; readonly value: boolean }
  | { readonly type: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly type: 'not'; readonly part: Expression }
  | { readonly type: 'compare'; readonly op: CompareOp; readonly left: Operand; readonly right: Operand }
  | { readonly type: 'in'; readonly operand: ColumnOperand; readonly values: readonly Operand[] }
  /** `%` is any text, `_` any one character; ASCII letters match in either case, as in SQLite. */
  | { readonly type: 'like'; readonly operand: ColumnOperand; readonly pattern: string }
  | { readonly type: 'isNull'; readonly operand: ColumnOperand };

export type CompareOp = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte';

export type Operand =
  | ColumnOperand
  /** Canonical, of the type of the column it is compared with. */
  | { readonly type: 'literal'; readonly value: unknown; readonly valueType: ColumnType }
  /** `:sender`, the viewer's identity. */
  | { readonly type: 'sender' };

export interface ColumnOperand {
  readonly type: 'column';
  /** Position of the table in the query's FROM. */
  readonly source: number;
  /** Position of the column in its table. */
  readonly column: number;
  readonly field: string;
  /** Name in SQL. */
  readonly name: string;
  readonly valueType: ColumnType;
}

export const always: Expression = { type: 'constant', value: true };

export function and(parts: readonly Expression[]): Expression {
  const flat = parts.flatMap((part) => (part.type === 'and' ? part.parts : isTrue(part) ? [] : [part]));
  if (flat.length === 0) return always;
  return flat.length === 1 && flat[0] !== undefined ? flat[0] : { type: 'and', parts: flat };
}

/** The conditions that must all hold. */
export function conjuncts(expression: Expression): readonly Expression[] {
  if (expression.type === 'and') return expression.parts;
  return isTrue(expression) ? [] : [expression];
}

export function isTrue(expression: Expression): boolean {
  return expression.type === 'constant' && expression.value;
}

/** The type inside an option: what a literal compared with the column must be. */
export function comparedType(type: ColumnType): ColumnType {
  return type.type === 'option' ? type.value : type;
}

/** Types whose values can be compared; all others can only be tested for null. */
export function isComparable(type: ColumnType): boolean {
  switch (type.type) {
    case 'array':
    case 'result':
    case 'product':
    case 'scheduleAt':
    case 'unit':
      return false;
    case 'sum':
      return type.variants.every((variant) => variant.type.type === 'unit');
    case 'option':
      return type.value.type !== 'option' && isComparable(type.value);
    default:
      return true;
  }
}

/** Positions of the tables that it looks at. */
export function sourcesOf(expression: Expression): ReadonlySet<number> {
  const sources = new Set<number>();
  const visit = (each: Expression): void => {
    switch (each.type) {
      case 'constant':
        return;
      case 'and':
      case 'or':
        return each.parts.forEach(visit);
      case 'not':
        return visit(each.part);
      case 'compare':
        for (const operand of [each.left, each.right]) if (operand.type === 'column') sources.add(operand.source);
        return;
      default:
        sources.add(each.operand.source);
    }
  };
  visit(expression);
  return sources;
}
