/** Whether a row is in a query's result, as a condition for SQLite on that row alone, under its alias in the query. */

import { expressionSql } from './sql.ts';
import { type QueryPlan, sourceSql } from './plan.ts';

/** Joined tables are looked for: `EXISTS (SELECT 1 FROM others WHERE …)`. */
export function conditionSql(plan: QueryPlan): string {
  const scope = { sources: plan.sources, dialect: 'sqlite' } as const;
  const where = expressionSql(plan.where, scope);
  const others = plan.sources.filter((_, position) => position !== plan.result);
  if (others.length === 0) return where;
  const equalities = plan.joins.map(({ left, right }) =>
    expressionSql({ type: 'compare', op: 'eq', left, right }, scope),
  );
  return `EXISTS (SELECT 1 FROM ${others.map(sourceSql).join(', ')} WHERE ${[...equalities, `(${where})`].join(' AND ')})`;
}
