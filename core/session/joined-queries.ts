/**
 * Queries that look at several tables, and which rows a commit makes enter or leave their results: those that it changed
 * itself, and those whose partners it changed.
 *
 * It is asked when a commit has been executed, while the engine holds the rows as of that commit; what it finds is told
 * with the commit's batch. Like a row change its queries, it finds the branches by their most telling condition: from the
 * changed row along the joins to the table that the condition is about, and from there to the result.
 *
 * Law: for every query, the rows noted are all that entered, left, or changed and stayed.
 */

import type { Key, Row, RowChange } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import { anchorsOf } from '../query/anchor.ts';
import { and, conjuncts, sourcesOf } from '../query/expression.ts';
import { joinOrder, type RowsAt, walk } from '../query/join-walk.ts';
import type { QueryPlan } from '../query/plan.ts';
import { type FiledQuery, PlanIndex } from '../query/plan-index.ts';
import { type Predicate, predicate } from '../query/predicate.ts';
import { movedExpression } from '../query/visibility.ts';

/** One alternative of a query, for `T`. */
export interface JoinedBranch<T> {
  readonly plan: QueryPlan;
  readonly target: T;
  readonly matches: Predicate;
  readonly filed: FiledQuery<JoinedBranch<T>>;
  readonly form: JoinForm<T>;
}

/** Branches that join the same tables by the same columns, and differ in what they ask of them. */
interface JoinForm<T> {
  readonly key: string;
  readonly plan: QueryPlan;
  /** Whose conditions the branches are filed by. */
  readonly anchor: number;
  readonly index: PlanIndex<JoinedBranch<T>>;
}

/** A row that is or was in the results of some branches' targets. */
export interface Reached<T> {
  readonly tableId: number;
  readonly key: Key;
  readonly targets: Set<T>;
}

export class JoinedQueries<T> {
  readonly #engine: Engine;
  readonly #forms = new Map<string, JoinForm<T>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get size(): number {
    return this.#forms.size;
  }

  add(plan: QueryPlan, target: T): JoinedBranch<T> {
    const anchor = anchorOf(plan);
    const key = JSON.stringify([
      plan.sources.map(({ table }) => table.tableId),
      plan.joins.map(({ left, right }) => [left.source, left.column, right.source, right.column]),
      plan.result,
      anchor,
    ]);
    let form = this.#forms.get(key);
    if (form === undefined) this.#forms.set(key, (form = { key, plan, anchor, index: new PlanIndex() }));
    const branch: JoinedBranch<T> = {
      plan,
      target,
      matches: predicate(plan.where),
      form,
      filed: {
        plan: localPlan(plan, anchor),
        sender: undefined,
        get target() {
          return branch;
        },
      },
    };
    try {
      form.index.add(branch.filed);
    } catch (error) {
      this.remove(branch);
      throw error;
    }
    return branch;
  }

  remove({ form, filed }: JoinedBranch<T>): void {
    form.index.remove(filed);
    if (form.index.size === 0) this.#forms.delete(form.key);
  }

  /** Rows whose membership these changes, which lie between `before` and `now`, may have changed. */
  reachedBy(changes: readonly RowChange[], before: RowsAt, now: RowsAt): Reached<T>[] {
    const reached = new Map<string, Reached<T>>();
    for (const form of this.#forms.values()) {
      for (const change of changes) {
        for (const [place, { table }] of form.plan.sources.entries()) {
          if (table.tableId !== change.tableId) continue;
          if (change.before !== undefined) this.#reach(form, place, change.before, before, reached);
          if (change.after !== undefined) this.#reach(form, place, change.after, now, reached);
        }
      }
    }
    return [...reached.values()];
  }

  #reach(form: JoinForm<T>, place: number, row: Row, rows: RowsAt, reached: Map<string, Reached<T>>): void {
    const { plan, anchor, index } = form;
    const order = joinOrder(plan, place, anchor);
    const bound: (Row | undefined)[] = [];
    bound[place] = row;
    const { table } = plan.sources[plan.result] as QueryPlan['sources'][number];
    const { keyOf } = this.#engine.shape(table.tableId);
    const atAnchor = order.indexOf(anchor) + 1;
    walk(
      plan,
      order,
      1,
      bound,
      rows,
      () => {
        index.matchRow(plan.sources[anchor]?.table.tableId ?? 0, bound[anchor] as Row, (branch) => {
          walk(plan, order, atAnchor, [...bound], rows, (all) => {
            const result = all[plan.result];
            if (result === undefined || !branch.matches(all as readonly Row[], undefined)) return false;
            const key = keyOf(result);
            const name = `${table.tableId} ${typeof key} ${String(key)}`;
            const known = reached.get(name);
            if (known === undefined)
              reached.set(name, { tableId: table.tableId, key, targets: new Set([branch.target]) });
            else known.targets.add(branch.target);
            return false;
          });
        });
        return false;
      },
      atAnchor,
    );
  }
}

/** Whether a row of the result's table is in it, given the others. */
export function isInJoin(plan: QueryPlan, matches: Predicate, row: Row, rows: RowsAt): boolean {
  const bound: (Row | undefined)[] = [];
  bound[plan.result] = row;
  return walk(plan, joinOrder(plan, plan.result), 1, bound, rows, (all) => matches(all as readonly Row[], undefined));
}

/** The table whose own conditions tell most. */
function anchorOf(plan: QueryPlan): number {
  let [best, bestCost] = [plan.result, Number.POSITIVE_INFINITY];
  for (const place of plan.sources.keys()) {
    const { anchors } = anchorsOf(localPlan(plan, place).where, undefined);
    if (anchors === undefined) continue;
    const cost = anchors.reduce((sum, { type }) => sum + (type === 'equal' ? 1 : 100), 0);
    if (cost < bestCost) [best, bestCost] = [place, cost];
  }
  return best;
}

/** What is asked of one of the tables alone. */
function localPlan(plan: QueryPlan, place: number): QueryPlan {
  const source = plan.sources[place] as QueryPlan['sources'][number];
  const own = conjuncts(plan.where).filter((part) => [...sourcesOf(part)].every((each) => each === place));
  const where = movedExpression(and(own), (column) => ({ ...column, source: 0 }));
  return { sources: [source], result: 0, joins: [], where };
}
