/**
 * Queries as the authority keeps them: each once, however many clients ask for it; and audiences, the distinct sets of
 * queries that somebody is sent.
 *
 * Law: `match` gives exactly the queries whose result a row change enters, leaves or stays in, and its cost does not grow
 * with the others.
 */

import { assert } from '../assert.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { TableDefinition } from '../module/definition.ts';
import { RowsAt } from '../query/join-walk.ts';
import { planSql, type QueryPlan, resultTable } from '../query/plan.ts';
import { type FiledQuery, PlanIndex } from '../query/plan-index.ts';
import { type Predicate, predicate } from '../query/predicate.ts';
import { isInJoin, type JoinedBranch, JoinedQueries, type Reached } from './joined-queries.ts';

/** Whoever is sent what happens to an audience's rows. */
export type Receiver = object;

/** A query as it is asked: with the viewer in it, and its alternatives that look at visible rows only. */
export interface AskedQuery {
  readonly branches: readonly QueryPlan[];
  /** Rows may be hidden from its viewer. */
  readonly isRestricted: boolean;
}

export class SharedQuery {
  readonly key: string;
  /** Of the rows in the result. */
  readonly table: TableDefinition;
  readonly branches: readonly QueryPlan[];
  readonly isRestricted: boolean;
  /** Some branch looks at other tables too, so that a row may enter or leave without having changed. */
  readonly isJoined: boolean;
  /** Some branch looks at what a view has for its viewer. */
  readonly isOfView: boolean;
  /** Audiences that are sent its rows, and those that are not because of it. */
  readonly plusOf: Set<Audience> = new Set();
  readonly minusOf: Set<Audience> = new Set();
  readonly filed: readonly FiledQuery<SharedQuery>[];
  readonly joined: JoinedBranch<SharedQuery>[] = [];
  /** How many have taken it and not given it back. */
  uses = 0;
  readonly #engine: Engine;
  #predicates: readonly Predicate[] | undefined;

  constructor({ branches, isRestricted }: AskedQuery, key: string, engine: Engine) {
    this.key = key;
    this.branches = branches;
    this.isRestricted = isRestricted;
    this.table = resultTable(branches[0] as QueryPlan);
    this.isJoined = branches.some(({ sources }) => sources.length > 1);
    this.isOfView = branches.some(({ sources }) => sources.some(({ table }) => table.wireTableId !== undefined));
    this.#engine = engine;
    this.filed = branches
      .filter(({ sources }) => sources.length === 1)
      .map((plan) => ({ plan, sender: undefined, target: this }));
  }

  /** Whether a row of its table is in the result; with joined tables, as they are in the engine or as `rows` has them. */
  contains(row: Row, rows?: RowsAt): boolean {
    if (this.containsAlone(row)) return true;
    if (!this.isJoined) return false;
    const all = rows ?? new RowsAt(this.#engine);
    return this.branches.some((plan, i) => plan.sources.length > 1 && isInJoin(plan, this.#predicate(i), row, all));
  }

  /** Some branch that looks at no other table holds the row. */
  containsAlone(row: Row): boolean {
    return this.branches.some((plan, i) => plan.sources.length === 1 && this.#predicate(i)([row], undefined));
  }

  #predicate(branch: number): Predicate {
    this.#predicates ??= this.branches.map(({ where }) => predicate(where));
    return this.#predicates[branch] as Predicate;
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
  /** Rows that entered (or left) without having changed, as of the last commit at hand. */
  turns: Map<string, RowChange> = new Map();

  constructor(key: string, plus: readonly SharedQuery[], minus: readonly SharedQuery[]) {
    this.key = key;
    this.plus = plus;
    this.minus = minus;
  }

  has(tableId: number): boolean {
    return this.plus.some(({ table }) => table.tableId === tableId);
  }

  isJoined(tableId: number): boolean {
    return this.plus.some((query) => query.isJoined && query.table.tableId === tableId);
  }

  holds(tableId: number, row: Row): boolean {
    return this.plus.some((query) => query.table.tableId === tableId && query.contains(row));
  }
}

/** What an executed commit did to the result of a query that joins tables. */
export interface JoinNote {
  readonly query: SharedQuery;
  readonly tableId: number;
  readonly key: Key;
  readonly before: boolean;
  readonly after: boolean;
  /** As it is after the commit; absent when it is gone. */
  readonly row: Row | undefined;
  /** The commit changed the row itself. */
  readonly isChanged: boolean;
}

const nothing: readonly JoinNote[] = [];

/** Queries by what they mean. */
export class SharedQueries {
  readonly #engine: Engine;
  readonly #index = new PlanIndex<SharedQuery>();
  readonly #joined: JoinedQueries<SharedQuery>;
  readonly #queries = new Map<string, SharedQuery>();
  readonly #audiences = new Map<string, Audience>();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#joined = new JoinedQueries(engine);
  }

  get size(): number {
    return this.#queries.size;
  }

  /** The query that means the same; to be given back with `release`. */
  take(asked: AskedQuery): SharedQuery {
    const key = asked.branches.map((plan) => planSql(plan)).join(' UNION ') + (asked.isRestricted ? ' RESTRICTED' : '');
    let query = this.#queries.get(key);
    if (query === undefined) {
      query = new SharedQuery(asked, key, this.#engine);
      this.#file(query);
      this.#queries.set(key, query);
    }
    query.uses++;
    return query;
  }

  /** All of it or nothing: whoever asks for the same next must not find a query that hears of half its changes. */
  #file(query: SharedQuery): void {
    try {
      for (const each of query.filed) this.#index.add(each);
      for (const plan of query.branches) if (plan.sources.length > 1) query.joined.push(this.#joined.add(plan, query));
    } catch (error) {
      this.#unfile(query);
      throw error;
    }
  }

  #unfile(query: SharedQuery): void {
    for (const each of query.filed) this.#index.remove(each);
    for (const branch of query.joined) this.#joined.remove(branch);
  }

  release(query: SharedQuery): void {
    if (--query.uses > 0) return;
    assert(query.plusOf.size === 0 && query.minusOf.size === 0, 'a query is given back after its audiences');
    this.#unfile(query);
    this.#queries.delete(query.key);
  }

  /** What these changes, which have just been executed, did to queries that join tables. */
  executed(changes: readonly RowChange[]): readonly JoinNote[] {
    if (this.#joined.size === 0) return nothing;
    const before = new RowsAt(this.#engine, changes);
    const now = new RowsAt(this.#engine);
    return this.#joined.reachedBy(changes, before, now).flatMap(({ tableId, key, targets }) => {
      const own = changes.find((change) => change.tableId === tableId && change.key === key);
      const [was, is] = own === undefined ? [now.row(tableId, key), now.row(tableId, key)] : [own.before, own.after];
      // Who sees the row through another query must not be told that it has left.
      if (own === undefined) for (const query of this.#besides(targets)) targets.add(query);
      return [...targets].flatMap((query) => {
        const note: JoinNote = {
          query,
          tableId,
          key,
          before: was !== undefined && query.contains(was, before),
          after: is !== undefined && query.contains(is, now),
          row: is,
          isChanged: own !== undefined,
        };
        return note.before || note.after ? [note] : [];
      });
    });
  }

  /** Some query joins tables. */
  get hasJoined(): boolean {
    return this.#joined.size > 0;
  }

  /** The rows of joined queries which these changes, that lie between `before` and `now`, may have made enter or leave. */
  reachedBy(changes: readonly RowChange[], before: RowsAt, now: RowsAt): readonly Reached<SharedQuery>[] {
    return this.#joined.size === 0 ? [] : this.#joined.reachedBy(changes, before, now);
  }

  /** The other joined queries over the same table of audiences that any of these concern. */
  #besides(queries: Iterable<SharedQuery>): SharedQuery[] {
    const others = new Set<SharedQuery>();
    for (const query of queries)
      for (const audience of [...query.plusOf, ...query.minusOf])
        for (const other of [...audience.plus, ...audience.minus])
          if (other.isJoined && other.table.tableId === query.table.tableId) others.add(other);
    return [...others];
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
