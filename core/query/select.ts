/**
 * A plan as the statement that SQLite runs on a replica, with its values bound.
 *
 * Law: the rows are those of the plan, in its order (`result-plan.ts`); read with `rowReader` they are the very values
 * that the operators which keep a result up to date would give.
 */

import { bytesOfLatin1 } from '../codec/key.ts';
import type { Row } from '../commit/row-change.ts';
import { keyColumnName } from '../engine/ddl.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { type SqlValue, sqlMapping } from '../engine/sql-value.ts';
import type { TableDefinition } from '../module/definition.ts';
import { aggregateSql, isUnsigned } from './aggregate-sql.ts';
import { and, type ColumnOperand, comparedType, conjuncts, type Expression, isTrue, sourcesOf } from './expression.ts';
import { keyColumn, type Tuple } from './order.ts';
import { joinSql, type QueryPlan, sourceSql } from './plan.ts';
import type { OrderTerm, Output, ResultPlan } from './result-plan.ts';
import { columnSql, expressionSql, type SqlScope } from './sql.ts';
import { outputType } from './plan-query.ts';

export interface BoundSql {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** The whole result, one column per column of the result. */
export function resultSql(plan: ResultPlan): BoundSql {
  const { output } = plan;
  if (output.type === 'groups') return groupsSql(plan, output);
  const params: SqlValue[] = [];
  const scope = scopeOf(plan.rows, params);
  const columns =
    output.type === 'rows'
      ? tableColumns(plan.rows, plan.rows.result, scope)
      : output.columns.map(({ operand }) => columnSql(operand, scope));
  const from = output.type === 'rows' ? wholeRowsSql(plan.rows, scope) : combinationsSql(plan.rows, scope);
  const order = orderSql(plan.orderBy, keyTerms(plan), scope);
  return { sql: `SELECT ${columns.join(', ')} ${from}${order}${limitSql(plan, params)}`, params };
}

export interface TupleRange {
  /** Only tuples behind this one, in the order or against it. */
  readonly behind?: Tuple;
  readonly backwards?: boolean;
  readonly limit?: number;
  readonly offset?: number;
  /** Only those for which this is true too. */
  readonly where?: Expression;
}

/** The rows that the result is made of: all columns of all its tables, one after the other, in the plan's order. */
export function tuplesSql(plan: ResultPlan, range: TupleRange, shapes: readonly RowShape[]): BoundSql {
  const params: SqlValue[] = [];
  const scope = scopeOf(plan.rows, params);
  const isWholeRows = plan.output.type === 'rows';
  const columns = resultSources(plan).flatMap((source) => tableColumns(plan.rows, source, scope));
  const terms = [...plan.orderBy, ...keyTerms(plan)].map((term) =>
    range.backwards === true ? { ...term, descending: !term.descending } : term,
  );
  const more = and([
    ...(range.where === undefined ? [] : [range.where]),
    ...(range.behind === undefined ? [] : [behind(terms, range.behind, resultSources(plan), shapes)]),
  ]);
  const from = isWholeRows ? wholeRowsSql(plan.rows, scope, more) : combinationsSql(plan.rows, scope, more);
  const order = plan.output.type === 'groups' ? '' : orderSql(terms, [], scope);
  return { sql: `SELECT ${columns.join(', ')} ${from}${order}${limitSql(range, params)}`, params };
}

/** These columns of every combination of rows. */
export function columnsSql(rows: QueryPlan, operands: readonly ColumnOperand[]): BoundSql {
  const params: SqlValue[] = [];
  const scope = scopeOf(rows, params);
  const columns = operands.map((operand) => columnSql(operand, scope));
  return { sql: `SELECT ${columns.join(', ') || '1'} ${combinationsSql(rows, scope)}`, params };
}

/** How many rows the result is made of. */
export function countSql(plan: ResultPlan): BoundSql {
  const params: SqlValue[] = [];
  const scope = scopeOf(plan.rows, params);
  const from = plan.output.type === 'rows' ? wholeRowsSql(plan.rows, scope) : combinationsSql(plan.rows, scope);
  return { sql: `SELECT count(*) ${from}`, params };
}

/** Positions of the tables whose rows a tuple has. */
export function resultSources({ output, rows }: ResultPlan): readonly number[] {
  return output.type === 'rows' ? [rows.result] : rows.sources.map((_, source) => source);
}

/** A row of the result out of what `resultSql` selects. */
export function rowReader(
  plan: ResultPlan,
  shapeOf: (tableId: number) => RowShape,
): (values: readonly SqlValue[]) => Row {
  const { output, rows } = plan;
  if (output.type === 'rows') {
    const table = rows.sources[rows.result]?.table;
    if (table === undefined) throw new RangeError('a plan selects one of its sources');
    return shapeOf(table.tableId).sql.fromSql;
  }
  const readers = output.columns.map((column) => {
    const type = outputType(column);
    const read = column.type === 'sum' ? readSum(type) : sqlMapping(type).fromSql;
    return [column.name, read] as const;
  });
  return (values) => Object.fromEntries(readers.map(([name, read], i) => [name, read(values[i] ?? null)]));
}

/** Whether a row read as doubles holds an integer that may have been rounded. */
export function needsExact(values: readonly SqlValue[]): boolean {
  return values.some(
    (value) => typeof value === 'number' && (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER),
  );
}

/** Sums of 64-bit columns are wider than an INTEGER; SQLite gives those that don't fit as doubles. */
function readSum(type: ReturnType<typeof outputType>): (value: SqlValue) => unknown {
  if (comparedType(type).type === 'f64') return sqlMapping(type).fromSql;
  return (value) => (value === null ? undefined : BigInt(value as number | bigint));
}

function groupsSql(plan: ResultPlan, output: Extract<Output, { readonly type: 'groups' }>): BoundSql {
  const params: SqlValue[] = [];
  const scope = scopeOf(plan.rows, params);
  const keys = output.by.map((operand, i) => `${columnSql(operand, scope)} AS k${i}`);
  const columns = output.columns.map((column, i) => {
    const sql =
      column.type === 'column'
        ? columnSql(column.operand, scope)
        : aggregateSql(column, (each) => columnSql(each, scope));
    return `${sql} AS c${i}`;
  });
  const from = combinationsSql(plan.rows, scope);
  const groupBy =
    output.by.length === 0 ? '' : ` GROUP BY ${output.by.map((operand) => columnSql(operand, scope)).join(', ')}`;
  const outer: SqlScope = { sources: plan.rows.sources.slice(0, 1), dialect: 'sqlite', params };
  const having = isTrue(output.having) ? '' : ` WHERE ${expressionSql(output.having, outer)}`;
  const byKey = output.by.map(
    (operand, i): OrderTerm => ({ operand: { ...operand, name: `k${i}` }, descending: false }),
  );
  const order = orderSql(plan.orderBy, byKey, outer);
  return {
    sql: `SELECT ${output.columns.map((_, i) => `c${i}`).join(', ')} FROM (SELECT ${[...keys, ...columns].join(', ')} ${from}${groupBy})${having}${order}${limitSql(plan, params)}`,
    params,
  };
}

function scopeOf({ sources }: QueryPlan, params: SqlValue[]): SqlScope {
  return { sources, dialect: 'sqlite', params };
}

function tableColumns({ sources }: QueryPlan, source: number, scope: SqlScope): string[] {
  const columns = sources[source]?.table.columns ?? [];
  return columns.map(({ name, field, type }, column) =>
    columnSql({ type: 'column', source, column, field, name, valueType: type }, scope),
  );
}

/** FROM and WHERE of all combinations. */
function combinationsSql(rows: QueryPlan, scope: SqlScope, more?: Expression): string {
  const [first, ...rest] = rows.sources;
  if (first === undefined) throw new RangeError('a plan has a source');
  const joined = rest.map((source, i) => ` JOIN ${sourceSql(source)} ON ${joinSql(rows, i + 1, 'sqlite')}`).join('');
  return `FROM ${sourceSql(first)}${joined}${whereSql(and([rows.where, ...(more === undefined ? [] : [more])]), scope)}`;
}

/** FROM and WHERE of the result's rows, each once: those that have partners. */
function wholeRowsSql(rows: QueryPlan, scope: SqlScope, more?: Expression): string {
  const own = rows.sources[rows.result];
  if (own === undefined) throw new RangeError('a plan selects one of its sources');
  const others = rows.sources.filter((source) => source !== own);
  const parts = [...conjuncts(rows.where), ...(more === undefined ? [] : conjuncts(more))];
  const isOwn = (part: Expression): boolean => [...sourcesOf(part)].every((source) => source === rows.result);
  const ownSql = whereSql(and(parts.filter(isOwn)), scope);
  if (others.length === 0) return `FROM ${sourceSql(own)}${ownSql}`;
  const joins = rows.joins.map(({ left, right }): Expression => ({ type: 'compare', op: 'eq', left, right }));
  const partner = whereSql(and([...joins, ...parts.filter((part) => !isOwn(part))]), scope);
  const exists = `EXISTS (SELECT 1 FROM ${others.map(sourceSql).join(', ')}${partner})`;
  return `FROM ${sourceSql(own)}${ownSql === '' ? ' WHERE ' : `${ownSql} AND `}${exists}`;
}

function whereSql(where: Expression, scope: SqlScope): string {
  if (isTrue(where)) return '';
  const parts = conjuncts(where).map((part) => `(${expressionSql(part, scope)})`);
  return ` WHERE ${parts.join(' AND ')}`;
}

function orderSql(terms: readonly OrderTerm[], keys: readonly OrderTerm[], scope: SqlScope): string {
  const all = [...terms, ...keys].flatMap(({ operand, descending }) => {
    const column = columnSql(operand, scope);
    const direction = descending ? ' DESC' : '';
    // Unsigned numbers from 2^63 up are stored as negative ones: those come last.
    return isUnsigned(operand) ? [`${column} < 0${direction}`, `${column}${direction}`] : [`${column}${direction}`];
  });
  return all.length === 0 ? '' : ` ORDER BY ${all.join(', ')}`;
}

function limitSql(
  { limit, offset }: { readonly limit?: number | undefined; readonly offset?: number },
  params: SqlValue[],
): string {
  if (limit === undefined && (offset ?? 0) === 0) return '';
  params.push(limit ?? -1, offset ?? 0);
  return ' LIMIT ? OFFSET ?';
}

/** What makes the order of tuples complete: the key of each of their rows. */
function keyTerms(plan: ResultPlan): OrderTerm[] {
  if (plan.output.type === 'groups') return [];
  return resultSources(plan).map((source) => {
    const table = plan.rows.sources[source]?.table;
    if (table === undefined) throw new RangeError('a plan selects one of its sources');
    return { operand: keyOperand(table, source), descending: false };
  });
}

function keyOperand(table: TableDefinition, source: number): ColumnOperand {
  const column = keyColumn(table);
  const name = keyColumnName(table);
  if (column === undefined)
    return { type: 'column', source, column: -1, field: '', name, valueType: { type: 'bytes' } };
  return {
    type: 'column',
    source,
    column: table.primaryKey ?? -1,
    field: column.field,
    name,
    valueType: column.type,
  };
}

/** Everything that the order puts behind a tuple. */
function behind(
  terms: readonly OrderTerm[],
  tuple: Tuple,
  sources: readonly number[],
  shapes: readonly RowShape[],
): Expression {
  const alternatives: Expression[] = [];
  const equal: Expression[] = [];
  for (const { operand, descending } of terms) {
    const place = sources.indexOf(operand.source);
    const row = tuple[place] as Row;
    const value = operand.column < 0 ? bytesOfLatin1(shapes[place]?.keyOf(row) as string) : row[operand.field];
    alternatives.push(and([...equal, beyond(operand, value, descending)]));
    equal.push(equalTo(operand, value));
  }
  return { type: 'or', parts: alternatives };
}

/** NULL comes first, so nothing is below it and every value is beyond. */
function beyond(operand: ColumnOperand, value: unknown, descending: boolean): Expression {
  const isNull: Expression = { type: 'isNull', operand };
  if (value === undefined) return descending ? { type: 'constant', value: false } : { type: 'not', part: isNull };
  const right = { type: 'literal', value, valueType: comparedType(operand.valueType) } as const;
  const isBeyond: Expression = { type: 'compare', op: descending ? 'lt' : 'gt', left: operand, right };
  return descending && operand.valueType.type === 'option' ? { type: 'or', parts: [isBeyond, isNull] } : isBeyond;
}

export function equalTo(operand: ColumnOperand, value: unknown): Expression {
  if (value === undefined) return { type: 'isNull', operand };
  const right = { type: 'literal', value, valueType: comparedType(operand.valueType) } as const;
  return { type: 'compare', op: 'eq', left: operand, right };
}
