/**
 * A condition as a function of rows: what decides, without SQLite, whether a changed row is in a result.
 *
 * Law: `predicate(expression)(rows, sender)` is true exactly where SQLite finds the condition true on the same rows.
 */

import { unreachable } from '../assert.ts';
import type { Row } from '../commit/row-change.ts';
import type { Identity } from '../value/identity.ts';
import { compareValues } from './compare.ts';
import { type CompareOp, comparedType, type Expression, type Operand } from './expression.ts';

/** One row per table of the query's FROM. `undefined` is SQL's unknown. */
type Truth = boolean | undefined;
type Test = (rows: readonly Row[], sender: Identity | undefined) => Truth;
type Read = (rows: readonly Row[], sender: Identity | undefined) => unknown;

export type Predicate = (rows: readonly Row[], sender: Identity | undefined) => boolean;

export function predicate(expression: Expression): Predicate {
  const test = compile(expression);
  return (rows, sender) => test(rows, sender) === true;
}

function compile(expression: Expression): Test {
  switch (expression.type) {
    case 'constant':
      return () => expression.value;
    case 'and':
      return all(expression.parts.map(compile));
    case 'or':
      return any(expression.parts.map(compile));
    case 'not': {
      const part = compile(expression.part);
      return (rows, sender) => {
        const truth = part(rows, sender);
        return truth === undefined ? undefined : !truth;
      };
    }
    case 'compare':
      return comparison(expression.op, expression.left, expression.right);
    case 'in':
      return any(expression.values.map((value) => comparison('eq', expression.operand, value)));
    case 'like': {
      const read = reader(expression.operand);
      const matches = likeMatcher(expression.pattern);
      return (rows, sender) => {
        const value = read(rows, sender);
        return value === undefined ? undefined : matches(value as string);
      };
    }
    case 'isNull': {
      const read = reader(expression.operand);
      return (rows, sender) => read(rows, sender) === undefined;
    }
    default:
      return unreachable(expression);
  }
}

/** False wins over unknown. */
function all(tests: readonly Test[]): Test {
  return (rows, sender) => {
    let truth: Truth = true;
    for (const test of tests) {
      const each = test(rows, sender);
      if (each === false) return false;
      if (each === undefined) truth = undefined;
    }
    return truth;
  };
}

/** True wins over unknown. */
function any(tests: readonly Test[]): Test {
  return (rows, sender) => {
    let truth: Truth = false;
    for (const test of tests) {
      const each = test(rows, sender);
      if (each === true) return true;
      if (each === undefined) truth = undefined;
    }
    return truth;
  };
}

function comparison(op: CompareOp, left: Operand, right: Operand): Test {
  const readLeft = reader(left);
  const readRight = reader(right);
  const compare = compareValues(comparedType(typeOf(left, right)));
  const holds = holdsFor[op];
  return (rows, sender) => {
    const a = readLeft(rows, sender);
    const b = readRight(rows, sender);
    if (a === undefined || b === undefined) return undefined;
    return holds(compare(a as never, b as never));
  };
}

const holdsFor: { readonly [Op in CompareOp]: (order: number) => boolean } = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
};

function reader(operand: Operand): Read {
  switch (operand.type) {
    case 'column': {
      const { source, field } = operand;
      return (rows) => rows[source]?.[field];
    }
    case 'literal': {
      const { value } = operand;
      return () => value;
    }
    case 'sender':
      return (_rows, sender) => sender;
    default:
      return unreachable(operand);
  }
}

/** Both sides are of one type, except for options around it; the sender is an identity. */
function typeOf(left: Operand, right: Operand): Parameters<typeof comparedType>[0] {
  for (const operand of [left, right]) if (operand.type !== 'sender') return operand.valueType;
  return { type: 'identity' };
}

/**
 * SQLite's LIKE: `%` and `_`, ASCII letters in either case; it sees texts up to their first NUL. Clients choose the
 * pattern, so the time is at most pattern times text: on a mismatch only the last `%` takes one character more.
 */
export function likeMatcher(pattern: string): (text: string) => boolean {
  const wanted = [...foldAscii(pattern)];
  return (text) => isLike([...foldAscii(text)], wanted);
}

function isLike(text: readonly string[], pattern: readonly string[]): boolean {
  let [at, position] = [0, 0];
  let [percent, resumed] = [-1, 0];
  while (at < text.length) {
    const wanted = pattern[position];
    if (wanted === '%') {
      percent = position++;
      resumed = at;
    } else if (wanted === '_' || (wanted !== undefined && wanted === text[at])) {
      position++;
      at++;
    } else if (percent >= 0) {
      position = percent + 1;
      at = ++resumed;
    } else return false;
  }
  while (pattern[position] === '%') position++;
  return position === pattern.length;
}

function foldAscii(text: string): string {
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
