/**
 * Conditions as SQL text, with literals written out so that the text is the whole query. In two dialects, which differ in
 * wide numbers and enums only: `text`, which people write, clients send and `parse.ts` reads back; and
 * `sqlite`, which SQLite runs on the rows as they are stored.
 *
 * Law: SQLite finds the `sqlite` text true exactly where `predicate.ts` finds the condition true.
 */

import { unreachable } from '../assert.ts';
import { quote } from '../engine/ddl.ts';
import { toHex } from '../engine/json-value.ts';
import { type SqlValue, sqlMapping } from '../engine/sql-value.ts';
import type { ColumnType } from '../value/column-type.ts';
import { type ColumnOperand, type CompareOp, comparedType, type Expression, type Operand } from './expression.ts';
import type { QuerySource } from './plan.ts';

const operators: { readonly [Op in CompareOp]: string } = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' };

export interface SqlScope {
  readonly sources: readonly QuerySource[];
  readonly dialect: 'text' | 'sqlite';
  /** With it literals are added here, and stand in the text as `?`. For the dialect `sqlite`. */
  readonly params?: SqlValue[];
}

export function expressionSql(expression: Expression, scope: SqlScope): string {
  switch (expression.type) {
    case 'constant':
      return expression.value ? 'TRUE' : 'FALSE';
    case 'and':
    case 'or':
      return expression.parts
        .map((part) => `(${expressionSql(part, scope)})`)
        .join(expression.type === 'and' ? ' AND ' : ' OR ');
    case 'not':
      return `NOT (${expressionSql(expression.part, scope)})`;
    case 'compare':
      return comparisonSql(expression, scope);
    case 'in':
      if (expression.values.length === 0) return 'FALSE';
      return `${operandSql(expression.operand, scope)} IN (${expression.values.map((value) => operandSql(value, scope)).join(', ')})`;
    case 'like':
      return `${operandSql(expression.operand, scope)} LIKE ${patternSql(expression.pattern, scope)}`;
    case 'isNull':
      return `${operandSql(expression.operand, scope)} IS NULL`;
    default:
      return unreachable(expression);
  }
}

function comparisonSql({ op, left, right }: Extract<Expression, { type: 'compare' }>, scope: SqlScope): string {
  const isOrdering = op !== 'eq' && op !== 'ne';
  const [a, b] = [() => operandSql(left, scope), () => operandSql(right, scope)];
  // Unsigned numbers from 2^63 up are stored as negative ones: those come last.
  if (isOrdering && scope.dialect === 'sqlite' && isUnsigned64(left, right))
    return `(${a()} < 0, ${a()}) ${operators[op]} (${b()} < 0, ${b()})`;
  return `${a()} ${operators[op]} ${b()}`;
}

function isUnsigned64(...operands: readonly Operand[]): boolean {
  return operands.some((operand) => operand.type !== 'sender' && comparedType(operand.valueType).type === 'u64');
}

function operandSql(operand: Operand, scope: SqlScope): string {
  switch (operand.type) {
    case 'column':
      return columnSql(operand, scope);
    case 'literal':
      return scope.params === undefined
        ? literalSql(operand.valueType, operand.value, scope.dialect)
        : boundSql(operand.valueType, operand.value, scope.params);
    case 'sender':
      return ':sender';
    default:
      return unreachable(operand);
  }
}

export function columnSql({ source, name }: ColumnOperand, scope: SqlScope): string {
  const { sources } = scope;
  return sources.length === 1 ? quote(name) : `${quote(sources[source]?.alias ?? '')}.${quote(name)}`;
}

/** Integers beyond 2^53 are bound as decimal text, which is a number only where something says so. */
function boundSql(type: ColumnType, value: unknown, params: SqlValue[]): string {
  const { declared, toSql } = sqlMapping(comparedType(type));
  const stored = toSql(value as never);
  params.push(stored);
  return typeof stored === 'string' && declared === 'INTEGER' ? 'CAST(? AS INTEGER)' : '?';
}

function patternSql(pattern: string, { dialect, params }: SqlScope): string {
  if (params === undefined) return textSql(pattern, dialect);
  params.push(pattern);
  return '?';
}

export function literalSql(type: ColumnType, value: unknown, dialect: SqlScope['dialect']): string {
  const inner = comparedType(type);
  if (dialect === 'text' && typeof value === 'bigint') return String(value);
  if (dialect === 'text' && inner.type === 'sum') return textSql((value as { readonly tag: string }).tag, dialect);
  const { declared, toSql } = sqlMapping(inner);
  const stored = toSql(value as never);
  // Integers beyond 2^53 come as decimal text.
  return typeof stored === 'string' && declared === 'INTEGER' ? stored : storedSql(stored, dialect);
}

function storedSql(value: SqlValue, dialect: SqlScope['dialect']): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return textSql(value, dialect);
  if (typeof value === 'object') return `x'${toHex(value)}'`;
  if (value === Number.POSITIVE_INFINITY) return '9e999';
  if (value === Number.NEGATIVE_INFINITY) return '-9e999';
  return String(value);
}

/** SQLite's text ends at a NUL, so a literal that holds one is written as its bytes. */
function textSql(text: string, dialect: SqlScope['dialect']): string {
  if (dialect === 'sqlite' && text.includes('\0')) return `CAST(x'${toHex(new TextEncoder().encode(text))}' AS TEXT)`;
  return `'${text.replaceAll("'", "''")}'`;
}
