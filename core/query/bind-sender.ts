/** A query as one viewer asks it: `:sender` becomes their identity, so that equal texts mean equal results. */

import type { Identity } from '../value/identity.ts';
import type { Expression, Operand } from './expression.ts';
import type { QueryPlan } from './plan.ts';

export function bindSender(plan: QueryPlan, sender: Identity): QueryPlan {
  return { ...plan, where: bound(plan.where, sender) };
}

function bound(expression: Expression, sender: Identity): Expression {
  switch (expression.type) {
    case 'and':
    case 'or':
      return { ...expression, parts: expression.parts.map((part) => bound(part, sender)) };
    case 'not':
      return { ...expression, part: bound(expression.part, sender) };
    case 'compare':
      return {
        ...expression,
        left: boundOperand(expression.left, sender),
        right: boundOperand(expression.right, sender),
      };
    case 'in':
      return { ...expression, values: expression.values.map((value) => boundOperand(value, sender)) };
    default:
      return expression;
  }
}

function boundOperand(operand: Operand, sender: Identity): Operand {
  return operand.type === 'sender' ? { type: 'literal', value: sender, valueType: { type: 'identity' } } : operand;
}
