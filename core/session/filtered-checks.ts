/**
 * Checks of subscriptions to some rows of a table: the hash of exactly the rows that the queries of a session hold of it. It
 * is not kept up to date, which would cost every commit, but counted anew each time: one set of queries after the other, a
 * page at a time, of so many rows between two ticks.
 *
 * Law: what is told is of the rows that are in one of the queries as of the last durable batch, and is told to the sessions
 * whose queries over that table are these at that moment.
 */

import type { Authority } from '../authority/authority.ts';
import type { DurableBatch } from '../authority/batch.ts';
import type { Row } from '../commit/row-change.ts';
import type { Environment } from '../environment.ts';
import { limits } from '../limits.ts';
import type { CheckMessage } from '../protocol/messages.ts';
import { isTrue } from '../query/expression.ts';
import { isIndexed, scanPage } from '../query/page-scan.ts';
import type { QueryPlan } from '../query/plan.ts';
import { predicate } from '../query/predicate.ts';
import { TableHash } from '../replica/state-hash.ts';
import type { SharedQuery } from './shared-query.ts';

/** Rows of one table, as some session's queries hold them. */
export interface CheckedRows {
  /** Equal for the same queries. */
  readonly key: string;
  /** Their conditions as alternatives of one. */
  readonly plan: QueryPlan;
}

export interface CheckedSession {
  /** What it is sent every change of. */
  readonly checkedQueries: () => readonly SharedQuery[];
  readonly send: (message: CheckMessage) => void;
}

export interface FilteredChecksOptions {
  readonly authority: Authority;
  readonly environment: Environment;
  readonly sessions: () => Iterable<CheckedSession>;
}

interface Asked {
  readonly rows: CheckedRows;
  readonly sessions: CheckedSession[];
}

interface Count extends Asked {
  readonly hash: TableHash;
  readonly contains: (row: Row) => boolean;
}

export class FilteredChecks {
  readonly #options: FilteredChecksOptions;
  /** To be counted in this round, in which each comes once, and for whom. */
  #queue: Asked[] = [];
  #count: Count | undefined;
  #rowsLeft = 0;
  /** Rows have changed since the last tick. */
  #changes = 0;
  #isReading = false;

  constructor(options: FilteredChecksOptions) {
    this.#options = options;
  }

  /** Some seconds have passed: so many rows may be counted again. */
  tick(): void {
    this.#rowsLeft = limits.checkedRowsMax;
    this.#changes = 0;
    if (this.#count === undefined && this.#queue.length === 0) {
      const wanted = new Map<string, Asked>();
      for (const session of this.#options.sessions()) {
        for (const rows of checkedRowsOf(session.checkedQueries())) {
          const asked = wanted.get(rows.key);
          if (asked === undefined) wanted.set(rows.key, { rows, sessions: [session] });
          else asked.sessions.push(session);
        }
      }
      this.#queue = [...wanted.values()];
    }
    this.#goOn();
  }

  clear(): void {
    this.#queue = [];
    this.#count = undefined;
  }

  /** Asks for the commits only when it counts something: a batch makes them for who asks, which costs as much as all else. */
  durable(batch: DurableBatch): void {
    const count = this.#count;
    if (count === undefined) return;
    const { commits, lastSeq } = batch;
    const { hash, contains } = count;
    const { tableId } = hash.shape.table;
    for (const { seq, changes } of commits) {
      this.#changes += changes.length;
      for (const change of changes) {
        if (change.tableId !== tableId) continue;
        const before = change.before !== undefined && contains(change.before) ? change.before : undefined;
        const after = change.after !== undefined && contains(change.after) ? change.after : undefined;
        if (before !== undefined || after !== undefined) hash.changed({ ...change, before, after }, seq);
      }
    }
    hash.reached(lastSeq);
    // A load of changes is not slowed by this: it waits for the next tick.
    if (this.#changes > limits.checkedChangesMax) this.clear();
  }

  /** The last batch is on its way to the sessions, so that a check may follow it. */
  distributed(): void {
    const count = this.#count;
    if (count?.hash.isCounted === true) this.#tell(count);
  }

  #goOn(): void {
    if (this.#isReading) return;
    if (this.#count === undefined) {
      const asked = this.#queue.shift();
      if (asked === undefined) return;
      const { rows } = asked;
      const { authority } = this.#options;
      const isIn = predicate(rows.plan.where);
      const hash = new TableHash(authority.engine.shape(rows.plan.sources[0]?.table.tableId ?? 0));
      hash.reached(authority.durableSeq);
      this.#count = { ...asked, hash, contains: (row) => isIn([row], undefined) };
    }
    if (this.#rowsLeft > 0 && !this.#count.hash.isCounted) this.#readPage(this.#count);
  }

  #readPage(count: Count): void {
    const { authority, environment } = this.#options;
    this.#isReading = true;
    authority.betweenBatches(() => {
      if (this.#count === count) {
        const { hash, rows } = count;
        const page = scanPage(authority.engine, rows.plan, hash.lastKey, pageRows);
        this.#rowsLeft -= isIndexed(rows.plan) ? rowsPerPageMin + page.rows.length : pageRows;
        hash.page(page.rows, page.next, authority.executedSeq);
      }
      // Not here: what has become durable must be on its way before.
      environment.scheduler.after(0, () => {
        this.#isReading = false;
        this.distributed();
        this.#goOn();
      });
    });
  }

  /** If its rows are those as of the last durable batch; else with the batch that makes them so. */
  #tell(count: Count): void {
    const { authority } = this.#options;
    const found = count.hash.asOf(authority.durableSeq);
    if (found === undefined) return;
    this.#count = undefined;
    const tables = [{ tableId: count.hash.shape.table.tableId, ...found }];
    const message: CheckMessage = { type: 'check', seq: authority.durableSeq, tables };
    for (const session of count.sessions)
      if (checkedRowsOf(session.checkedQueries()).some(({ key }) => key === count.rows.key)) session.send(message);
    this.#goOn();
  }
}

const pageRows = 500;
/** What asking for a page costs, in rows. */
const rowsPerPageMin = 50;

/** Audiences share their lists of queries. */
const known = new WeakMap<readonly SharedQuery[], readonly CheckedRows[]>();

/** What these queries hold of tables that none of them holds whole; not where other tables or a view decide. */
function checkedRowsOf(queries: readonly SharedQuery[]): readonly CheckedRows[] {
  let rows = known.get(queries);
  if (rows === undefined) known.set(queries, (rows = alternativesOf(queries)));
  return rows;
}

function alternativesOf(queries: readonly SharedQuery[]): CheckedRows[] {
  const byTable = new Map<number, SharedQuery[]>();
  for (const query of queries) {
    const { tableId } = query.table;
    byTable.set(tableId, [...(byTable.get(tableId) ?? []), query]);
  }
  return [...byTable.values()].flatMap((own) => {
    const [first] = own;
    const plans = own.flatMap(({ branches }) => branches);
    const [plan] = plans;
    if (first === undefined || plan === undefined) return [];
    const { event, ephemeral } = first.table;
    if (event || ephemeral || own.some(({ isJoined, isOfView }) => isJoined || isOfView)) return [];
    if (plans.some(({ where }) => isTrue(where))) return [];
    const key = own
      .map((query) => query.key)
      .sort()
      .join('\n');
    const where = plans.length === 1 ? plan.where : ({ type: 'or', parts: plans.map((each) => each.where) } as const);
    return [{ key, plan: { ...plan, where } }];
  });
}
