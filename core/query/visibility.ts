/**
 * Which rows a viewer may see: a module's visibility filters, and what they make of a query.
 *
 * Law: a query asked by a viewer finds a row when, for every table it looks at that has filters, one filter of that table
 * finds the row it looks at, and so on for the tables that the filter looks at. Tables without filters are seen whole.
 * The owner of a database sees everything.
 */

import { ForerunError } from '../errors.ts';
import type { ModuleDefinition } from '../module/definition.ts';
import type { ColumnOperand, Expression, Operand } from './expression.ts';
import { and } from './expression.ts';
import { parseQuery } from './parse.ts';
import { type QueryPlan, type QuerySource, resultTable } from './plan.ts';

/** Alternatives that one query may come to. */
const branchesMax = 64;

export class Visibility {
  readonly #filters = new Map<number, QueryPlan[]>();

  /** Throws `module-invalid` for a filter that can't be read. */
  constructor(definition: ModuleDefinition) {
    for (const plan of filterPlans(definition)) {
      const { tableId } = resultTable(plan);
      const known = this.#filters.get(tableId);
      if (known === undefined) this.#filters.set(tableId, [plan]);
      else known.push(plan);
    }
  }

  /** Some of the table's rows may be hidden from someone. */
  isRestricted(tableId: number): boolean {
    return this.#filters.has(tableId);
  }

  /** The query as alternatives, which look at visible rows only. Throws `query-invalid` for filters in a circle. */
  restrict(plan: QueryPlan): QueryPlan[] {
    return this.#restrict(plan, undefined, []);
  }

  /** `open`: tables whose filters are being put in. */
  #restrict(plan: QueryPlan, except: number | undefined, open: readonly number[]): QueryPlan[] {
    let branches = [plan];
    for (const [position, { table }] of plan.sources.entries()) {
      const filters = this.#filters.get(table.tableId);
      if (filters === undefined || position === except) continue;
      if (open.includes(table.tableId))
        throw new ForerunError(
          'query-invalid',
          `Query refused: the visibility filters of '${table.name}' need themselves to be decided. Change one of them so that they form no circle.`,
        );
      const restricted = filters.flatMap((filter) => this.#restrict(filter, filter.result, [...open, table.tableId]));
      branches = branches.flatMap((branch) => restricted.map((filter) => spliced(branch, position, filter)));
      if (branches.length > branchesMax)
        throw new ForerunError(
          'query-invalid',
          `Query refused: the visibility filters of its tables make more than ${branchesMax} alternatives of it.`,
        );
    }
    return branches;
  }
}

/** Throws `module-invalid` for a filter that can't be read. */
export function filterPlans(definition: ModuleDefinition): QueryPlan[] {
  return definition.visibilityFilters.map((sql) => filterPlan(sql, definition));
}

function filterPlan(sql: string, definition: ModuleDefinition): QueryPlan {
  try {
    return parseQuery(sql, definition, { isVisible: ({ view }) => view === undefined });
  } catch (error) {
    if (!(error instanceof ForerunError)) throw error;
    throw new ForerunError('module-invalid', `clientVisibilityFilter.sql(): ${error.message}`, { cause: error });
  }
}

/** The filter's conditions, about the row that the plan has at this position. */
function spliced(plan: QueryPlan, position: number, filter: QueryPlan): QueryPlan {
  const sources: QuerySource[] = [...plan.sources];
  const places = filter.sources.map(({ table, alias }, source) => {
    if (source === filter.result) return position;
    return sources.push({ table, alias: freeAlias(alias, sources) }) - 1;
  });
  const moved = (column: ColumnOperand): ColumnOperand => ({ ...column, source: places[column.source] as number });
  const joins = filter.joins.map(({ left, right }) => ({ left: moved(left), right: moved(right) }));
  return {
    sources,
    result: plan.result,
    joins: [...plan.joins, ...joins],
    where: and([plan.where, movedExpression(filter.where, moved)]),
  };
}

function freeAlias(alias: string, sources: readonly QuerySource[]): string {
  let free = alias;
  for (let n = 2; sources.some((source) => source.alias === free); n++) free = `${alias}_${n}`;
  return free;
}

/** The same condition about columns elsewhere. */
export function movedExpression(expression: Expression, moved: (column: ColumnOperand) => ColumnOperand): Expression {
  const operand = (each: Operand): Operand => (each.type === 'column' ? moved(each) : each);
  switch (expression.type) {
    case 'and':
    case 'or':
      return { ...expression, parts: expression.parts.map((part) => movedExpression(part, moved)) };
    case 'not':
      return { ...expression, part: movedExpression(expression.part, moved) };
    case 'compare':
      return { ...expression, left: operand(expression.left), right: operand(expression.right) };
    case 'in':
      return { ...expression, operand: moved(expression.operand), values: expression.values.map(operand) };
    case 'like':
    case 'isNull':
      return { ...expression, operand: moved(expression.operand) };
    default:
      return expression;
  }
}
