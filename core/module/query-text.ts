/**
 * A query of whole rows as SQL text with its values written out: what `toSql()` gives and subscriptions are sent as.
 *
 * Law: `core/query/parse.ts` reads the text back as the query that it was made from, as far as subscriptions go.
 */

import { ForerunError } from '../errors.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';
import type { CompareName, ConditionSpec, FieldSpec, QuerySpec } from './query-spec.ts';
import type { TableShape } from './table-shape.ts';

const operators: { readonly [Op in CompareName]: string } = {
  eq: '=',
  ne: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
};

/** Throws `query-invalid` for a query of selected columns, which is not a subscription's. */
export function querySql(spec: QuerySpec, tables: readonly TableShape[]): string {
  if (spec.result === undefined || spec.select !== undefined)
    throw new ForerunError('query-invalid', 'toSql() is there for queries of whole rows, not for selected columns.');
  const names = new Names(tables);
  const from = tables
    .map((table, i) => {
      const on = spec.on[i - 1];
      const source = `${quoted(table.name)}${names.alias(i) === table.name ? '' : ` AS ${quoted(names.alias(i))}`}`;
      return on === undefined ? source : `JOIN ${source} ON ${conditionSql(on, names)}`;
    })
    .join(' ');
  const star = tables.length === 1 ? '*' : `${quoted(names.alias(spec.result))}.*`;
  const where = spec.where.length === 0 ? '' : ` WHERE ${conditionSql({ type: 'and', parts: spec.where }, names)}`;
  const order = spec.orderBy.map(({ field, descending }) => `${names.column(field)}${descending ? ' DESC' : ''}`);
  const orderBy = order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`;
  const limit =
    spec.limit === undefined && spec.offset === 0
      ? ''
      : ` LIMIT ${spec.limit ?? -1}${spec.offset > 0 ? ` OFFSET ${spec.offset}` : ''}`;
  return `SELECT ${star} FROM ${from}${where}${orderBy}${limit}`;
}

class Names {
  readonly #tables: readonly TableShape[];

  constructor(tables: readonly TableShape[]) {
    this.#tables = tables;
  }

  /** A table that comes again has its place after its name. */
  alias(place: number): string {
    const name = this.#tables[place]?.name ?? '';
    return this.#tables.findIndex((table) => table.name === name) === place ? name : `${name}_${place + 1}`;
  }

  column({ table, field }: FieldSpec): string {
    const column = this.#tables[table]?.columns.find((each) => each.field === field);
    if (column === undefined) throw new ForerunError('query-invalid', `Query builder: there is no column '${field}'.`);
    return this.#tables.length === 1 ? quoted(column.name) : `${quoted(this.alias(table))}.${quoted(column.name)}`;
  }
}

function conditionSql(condition: ConditionSpec, names: Names): string {
  switch (condition.type) {
    case 'constant':
      return condition.value ? 'TRUE' : 'FALSE';
    case 'and':
    case 'or': {
      const [only, ...others] = condition.parts;
      if (only === undefined) return condition.type === 'and' ? 'TRUE' : 'FALSE';
      if (others.length === 0) return conditionSql(only, names);
      return condition.parts
        .map((part) => `(${conditionSql(part, names)})`)
        .join(condition.type === 'and' ? ' AND ' : ' OR ');
    }
    case 'not':
      return `NOT (${conditionSql(condition.part, names)})`;
    case 'compare': {
      const { left, op, right } = condition;
      const value = right.type === 'field' ? names.column(right.field) : literalText(right.value);
      return `${names.column(left)} ${operators[op]} ${value}`;
    }
    case 'in':
      if (condition.values.length === 0) return 'FALSE';
      return `${names.column(condition.field)} IN (${condition.values.map(literalText).join(', ')})`;
    case 'like':
      return `${names.column(condition.field)} LIKE ${textLiteral(condition.pattern)}`;
    case 'isNull':
      return `${names.column(condition.field)} IS NULL`;
  }
}

function literalText(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
      return value ? 'TRUE' : 'FALSE';
    case 'bigint':
      return String(value);
    case 'number':
      return numberText(value);
    case 'string':
      return textLiteral(value);
    default:
      return objectText(value);
  }
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "'NaN'";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '9e999' : '-9e999';
}

function objectText(value: unknown): string {
  if (value instanceof Uint8Array) return `x'${[...value].map((byte) => byte.toString(16).padStart(2, '0')).join('')}'`;
  if (value instanceof Identity || value instanceof ConnectionId || value instanceof Uuid)
    return `x'${value.toHexString()}'`;
  if (value instanceof Timestamp) return String(value.microsSinceUnixEpoch);
  if (value instanceof TimeDuration) return String(value.micros);
  if (typeof value === 'object' && value !== null && 'tag' in value) return textLiteral(String(value.tag));
  throw new ForerunError(
    'query-invalid',
    'Query builder: this value can not be written in SQL; for none there is isNull().',
  );
}

function textLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
