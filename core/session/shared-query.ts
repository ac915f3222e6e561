/**
 * Queries as the authority keeps them: each once, however many clients ask for it; and audiences, the distinct sets of
 * queries that somebody is sent.
 *
 * Law: `match` gives exactly the queries whose result a row change enters, leaves or stays in, and its cost does not grow
 * with the others.
 */

import { assert } from '../assert.ts';
import type { Row, RowChange } from '../commit/row-change.ts';
import type { TableDefinition } from '../module/definition.ts';
import { isTrue } from '../query/expression.ts';
import { planSql, type QueryPlan, resultTable } from '../query/plan.ts';
import { type FiledQuery, PlanIndex } from '../query/plan-index.ts';
import { type Predicate, predicate } from '../query/predicate.ts';

/** Whoever is sent what happens to an audience's rows. */
export type Receiver = object;

export class SharedQuery {
  readonly key: string;
  /** Of the rows in the result. */
  readonly table: TableDefinition;
  /** The sender is bound. */
  readonly plan: QueryPlan;
  readonly isWholeTable: boolean;
  /** Audiences that are sent its rows, and those that are not because of it. */
  readonly plusOf: Set<Audience> = new Set();
  readonly minusOf: Set<Audience> = new Set();
  readonly filed: FiledQuery<SharedQuery>;
  /** How many have taken it and not given it back. */
  uses = 0;
  #contains: Predicate | undefined;

  constructor(plan: QueryPlan, key: string) {
    this.key = key;
    this.plan = plan;
    this.table = resultTable(plan);
    this.isWholeTable = plan.sources.length === 1 && isTrue(plan.where);
    this.filed = { plan, sender: undefined, target: this };
  }

  contains(row: Row): boolean {
    this.#contains ??= predicate(this.plan.where);
    return this.#contains([row], undefined);
  }
}

/** The rows that are in one of `plus` and in none of `minus`, and who is sent their changes. */
export class Audience {
  readonly key: string;
  readonly plus: readonly SharedQuery[];
  readonly minus: readonly SharedQuery[];
  readonly receivers: Set<Receiver> = new Set();
  /** The row change that `flags` is about. */
  mark = 0;
  /** Whether the row was and is in one of `plus`, was and is in one of `minus`. */
  flags = 0;
  /** What it is sent of the commits at hand: place of the commit, and twice the place of the change, plus one for a leave. */
  items: number[] = [];

  constructor(key: string, plus: readonly SharedQuery[], minus: readonly SharedQuery[]) {
    this.key = key;
    this.plus = plus;
    this.minus = minus;
  }

  has(tableId: number): boolean {
    return this.plus.some(({ table }) => table.tableId === tableId);
  }

  holds(tableId: number, row: Row): boolean {
    return this.plus.some((query) => query.table.tableId === tableId && query.contains(row));
  }
}

/** Queries of one kind, by what they mean. */
export class SharedQueries {
  readonly #index = new PlanIndex<SharedQuery>();
  readonly #queries = new Map<string, SharedQuery>();
  readonly #audiences = new Map<string, Audience>();

  get size(): number {
    return this.#queries.size;
  }

  /** The query that means the same; to be given back with `release`. */
  take(plan: QueryPlan): SharedQuery {
    const key = planSql(plan);
    let query = this.#queries.get(key);
    if (query === undefined) {
      query = new SharedQuery(plan, key);
      this.#queries.set(key, query);
      this.#index.add(query.filed);
    }
    query.uses++;
    return query;
  }

  release(query: SharedQuery): void {
    if (--query.uses > 0) return;
    assert(query.plusOf.size === 0 && query.minusOf.size === 0, 'a query is given back after its audiences');
    this.#index.remove(query.filed);
    this.#queries.delete(query.key);
  }

  /** Adds a receiver to those of this set of queries, each of which has been taken. */
  join(receiver: Receiver, plus: readonly SharedQuery[], minus: readonly SharedQuery[] = []): Audience {
    const key = `${keyOf(plus)}\n\n${keyOf(minus)}`;
    let audience = this.#audiences.get(key);
    if (audience === undefined) {
      audience = new Audience(key, [...new Set(plus)], [...new Set(minus)]);
      this.#audiences.set(key, audience);
      for (const query of plus) query.plusOf.add(audience);
      for (const query of minus) query.minusOf.add(audience);
    }
    audience.receivers.add(receiver);
    return audience;
  }

  leave(receiver: Receiver, audience: Audience): void {
    audience.receivers.delete(receiver);
    if (audience.receivers.size > 0) return;
    this.#audiences.delete(audience.key);
    for (const query of audience.plus) query.plusOf.delete(audience);
    for (const query of audience.minus) query.minusOf.delete(audience);
  }

  match(change: RowChange, report: (query: SharedQuery, before: boolean, after: boolean) => void): void {
    this.#index.match(change, report);
  }
}

function keyOf(queries: readonly SharedQuery[]): string {
  return [...new Set(queries.map(({ key }) => key))].sort().join('\n');
}
