/**
 * One run of a view's function: the rows it has for a viewer, or the query that has them, and what it has read.
 *
 * Law: a run changes nothing, and whatever the function does, rows that come out are of the view's type, one per key.
 */

import { CallBudget } from '../authority/call-budget.ts';
import type { Key, Row } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { ReadSet } from '../engine/read-set.ts';
import type { RowShape } from '../engine/row-shape.ts';
import type { Clock } from '../environment.ts';
import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { ModuleDefinition, TableDefinition, ViewDefinition } from '../module/definition.ts';
import { queryTables, specOf } from '../module/query-builder.ts';
import type { QuerySpec } from '../module/query-spec.ts';
import { type QueryPlan, resultTable } from '../query/plan.ts';
import { planQuery } from '../query/plan-query.ts';
import type { Identity } from '../value/identity.ts';

export interface ViewRun {
  readonly reads: ReadSet;
  /** Throws what the function threw, or why its result can't be taken. */
  readonly result: () => ViewRows | ViewQuery;
}

export interface ViewRows {
  readonly type: 'rows';
  readonly rows: ReadonlyMap<Key, Row>;
}

export interface ViewQuery {
  readonly type: 'query';
  readonly plan: QueryPlan;
}

export class ViewRunner {
  readonly #engine: Engine;
  readonly #budget: CallBudget;
  readonly #from: object;
  /** Of the schema: views don't read views. */
  readonly #tables: readonly TableDefinition[];

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#budget = new CallBudget(clock);
    this.#tables = engine.definition.tables.filter(({ view }) => view === undefined);
    this.#from = queryTables(this.#tables);
  }

  get definition(): ModuleDefinition {
    return this.#engine.definition;
  }

  /** `sender`: undefined for an anonymous view. */
  run(view: ViewDefinition, sender: Identity | undefined, shape: RowShape): ViewRun {
    this.#budget.begin();
    const { reads, result } = this.#engine.read(
      (db) => {
        const context = { db, from: this.#from, ...(sender !== undefined && { sender }) };
        const returned = view.run(Object.freeze(context) as never);
        const spec = specOf(returned);
        return spec ?? viewRows(view, returned, shape);
      },
      (changedRows) => this.#budget.check(changedRows),
    );
    return {
      reads,
      result: () => {
        const rows = result();
        return rows instanceof Map ? { type: 'rows', rows } : this.#query(view, rows as QuerySpec);
      },
    };
  }

  #query(view: ViewDefinition, spec: QuerySpec): ViewQuery {
    const { rows, output, orderBy, limit, offset, rowType } = planQuery(
      spec,
      { tables: this.#tables },
      { isVisible: ({ event, ephemeral }) => !event && !ephemeral },
    );
    if (output.type !== 'rows' || orderBy.length > 0 || limit !== undefined || offset > 0)
      throw viewError(
        view,
        'returns a query with an order, a limit or columns of its own. Return where(…) and semijoins, and ask for the rest at the client: live(client.tables.…)',
      );
    if (view.returns === 'row')
      throw viewError(view, 'returns a query, which has any number of rows: say t.array(…), or return a row');
    const { primaryKey } = resultTable(rows);
    if (view.primaryKey !== undefined && view.primaryKey !== primaryKey)
      throw viewError(view, "returns a query, so its primary key can only be the table's own");
    if (JSON.stringify(rowType.fields) !== JSON.stringify(view.rowType.fields))
      throw viewError(view, 'returns a query whose rows are not of the type that it says it returns');
    return { type: 'query', plan: rows };
  }
}

function viewRows(view: ViewDefinition, returned: unknown, shape: RowShape): Map<Key, Row> {
  // null: what find() gives when there is no row.
  const list = view.returns === 'row' ? (returned === undefined || returned === null ? [] : [returned]) : returned;
  if (!Array.isArray(list)) throw viewError(view, 'returns no array of rows: write [...rows] for what filter() gives');
  checkRowCount(view, list.length);
  const rows = new Map<Key, Row>();
  for (const each of list as readonly unknown[]) {
    const row = shape.canonical(each, view.accessor);
    const key = shape.keyOf(row);
    // Without a primary key an equal row counts once, as in a table.
    if (rows.has(key) && shape.keyColumn !== undefined)
      throw viewError(view, `returns two rows with the primary key ${String(key)}`);
    rows.set(key, row);
  }
  return rows;
}

export function checkRowCount(view: ViewDefinition, count: number): void {
  if (count <= limits.viewRowsMax) return;
  throw new ForerunError(
    'limit-reached',
    `The view '${view.name}' has more than ${limits.viewRowsMax} rows (viewRowsMax). Have it return fewer.`,
  );
}

function viewError(view: ViewDefinition, what: string): ForerunError {
  return new ForerunError('query-invalid', `The view '${view.name}' ${what}.`);
}
