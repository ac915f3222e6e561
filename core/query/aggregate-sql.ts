/**
 * Aggregates as SQL. What SQLite's own would bend is put right: sums of 64-bit integers are taken in halves, so that they
 * don't overflow half-way; unsigned ones count as unsigned; NaN, which is stored as a text, makes a sum NaN.
 */

import { type ColumnOperand, comparedType } from './expression.ts';
import type { Aggregate } from './result-plan.ts';

export function aggregateSql(aggregate: Aggregate, column: (operand: ColumnOperand) => string): string {
  switch (aggregate.type) {
    case 'count':
      return aggregate.operand === undefined ? 'count(*)' : `count(${column(aggregate.operand)})`;
    case 'sum':
      return sumSql(aggregate.operand, column(aggregate.operand));
    case 'avg': {
      const x = column(aggregate.operand);
      return isFloat(aggregate.operand)
        ? floatSql(x, `sum(${x}) / count(${x})`)
        : `CAST(${sumSql(aggregate.operand, x)} AS REAL) / count(${x})`;
    }
    default: {
      const x = column(aggregate.operand);
      if (!isUnsigned(aggregate.operand)) return `${aggregate.type}(${x})`;
      return flipped(`${aggregate.type}(${flipped(x)})`);
    }
  }
}

/** From 2^63 up it is stored as a negative number. */
export function isUnsigned(operand: ColumnOperand): boolean {
  return comparedType(operand.valueType).type === 'u64';
}

function sumSql(operand: ColumnOperand, x: string): string {
  switch (comparedType(operand.valueType).type) {
    case 'i64':
      return `sum(${x} >> 32) * 4294967296 + sum(${x} & 4294967295)`;
    case 'u64':
      return `sum((${x} >> 32) & 4294967295) * 4294967296 + sum(${x} & 4294967295)`;
    case 'f32':
    case 'f64':
      return floatSql(x, `sum(${x})`);
    default:
      return `sum(${x})`;
  }
}

function isFloat({ valueType }: ColumnOperand): boolean {
  return /^f/.test(comparedType(valueType).type);
}

/** With a NaN among the values, or both infinities, the result is NaN. */
function floatSql(x: string, otherwise: string): string {
  return `CASE WHEN max(typeof(${x}) = 'text') OR (max(${x}) = 9e999 AND min(${x}) = -9e999) THEN 'NaN' ELSE ${otherwise} END`;
}

/** The other sign: signed order of the one is unsigned order of the other. */
function flipped(x: string): string {
  return `((${x} | (1 << 63)) - (${x} & (1 << 63)))`;
}
