/**
 * A query, checked against a module: whole rows of one table, chosen by a condition that may look at joined tables.
 * Made from SQL text (`parse.ts`) or by the builder (`builder.ts`), for subscriptions, visibility filters and views.
 */

import type { TableDefinition } from '../module/definition.ts';
import { quote } from '../engine/ddl.ts';
import type { ColumnOperand, Expression } from './expression.ts';
import { expressionSql, type SqlScope } from './sql.ts';

export interface QueryPlan {
  /** FROM, in order; a table may come more than once. */
  readonly sources: readonly QuerySource[];
  /** Position in `sources` of the table whose rows are the result. */
  readonly result: number;
  /** Equalities that joined each further source to the ones before it. */
  readonly joins: readonly JoinCondition[];
  readonly where: Expression;
}

export interface QuerySource {
  readonly table: TableDefinition;
  readonly alias: string;
}

export interface JoinCondition {
  readonly left: ColumnOperand;
  readonly right: ColumnOperand;
}

export function wholeTable(table: TableDefinition): QueryPlan {
  return { sources: [{ table, alias: table.name }], result: 0, joins: [], where: { type: 'constant', value: true } };
}

export function resultTable(plan: QueryPlan): TableDefinition {
  return resultSource(plan).table;
}

export function resultSource(plan: QueryPlan): QuerySource {
  const source = plan.sources[plan.result];
  if (source === undefined) throw new RangeError('a plan selects one of its sources');
  return source;
}

export function tablesOf(plan: QueryPlan): ReadonlySet<number> {
  return new Set(plan.sources.map(({ table }) => table.tableId));
}

/** The plan as SQL; the `text` dialect is read back by `parse.ts` into the same plan. */
export function planSql(plan: QueryPlan, dialect: SqlScope['dialect'] = 'text'): string {
  const [first, ...rest] = plan.sources;
  if (first === undefined) throw new RangeError('a plan has a source');
  const from =
    sourceSql(first) +
    rest.map((source, i) => ` JOIN ${sourceSql(source)} ON ${joinSql(plan, i + 1, dialect)}`).join('');
  const where =
    plan.where.type === 'constant' && plan.where.value
      ? ''
      : ` WHERE ${expressionSql(plan.where, { sources: plan.sources, dialect })}`;
  const star = plan.sources.length === 1 ? '*' : `${quote(plan.sources[plan.result]?.alias ?? '')}.*`;
  return `SELECT ${star} FROM ${from}${where}`;
}

/** As it stands in FROM. */
export function sourceSql({ table, alias }: QuerySource): string {
  return alias === table.name ? quote(table.name) : `${quote(table.name)} AS ${quote(alias)}`;
}

export function joinSql(plan: QueryPlan, position: number, dialect: SqlScope['dialect']): string {
  return plan.joins
    .filter(({ left, right }) => Math.max(left.source, right.source) === position)
    .map(({ left, right }) =>
      expressionSql({ type: 'compare', op: 'eq', left, right }, { sources: plan.sources, dialect }),
    )
    .join(' AND ');
}
