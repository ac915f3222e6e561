/**
 * Live queries in the host: those of the builder, kept up to date row by row, and any other SQL that the replica can run,
 * run again when a table it reads has changed. Each is sent to the page as the difference to its last result.
 *
 * Law: after `refresh`, every query's last result is what its SQL gives on the predicted state, those apart that are
 * still being run (`sql-query.ts`). A row whose values are the same as those of a row of the last result is that row: it
 * keeps its identity on the page.
 */

import { NetChanges, type Row, type RowChange } from '../../core/commit/row-change.ts';
import type { Engine } from '../../core/engine/engine.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { ForerunError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { Batch } from '../../core/query/batch.ts';
import { type FiledQuery, PlanIndex } from '../../core/query/plan-index.ts';
import { planQuery } from '../../core/query/plan-query.ts';
import { tablesOf } from '../../core/query/plan.ts';
import type { ResultPlan } from '../../core/query/result-plan.ts';
import { Identity } from '../../core/value/identity.ts';
import type { HostEvent, ResultShape, RowsUpdate, WatchRequest } from '../client/host-api.ts';
import { BuilderQuery } from './builder-query.ts';
import { sqlRuns } from '../late-code.ts';
import type { LiveSql } from './live-sql.ts';
import { valuesOf } from './row-values.ts';
import type { ShownValues } from './shown-values.ts';
import { sliceMs } from './slices.ts';
import type { SqlQuery } from './sql-query.ts';

export interface LiveQueriesOptions {
  readonly engine: Engine;
  readonly nowMs: () => number;
  /** False: queries of the builder are run again like any SQL, which gives the same and takes longer. */
  readonly maintains?: boolean;
}

const sameRows: RowsUpdate = { change: { type: 'edits', places: new Int32Array(0) }, fresh: [] };

interface Rerun {
  readonly query: SqlQuery;
  readonly shape: ResultShape;
  isShapeTold: boolean;
  /** Rows of a builder's query are typed. */
  readonly read: ((values: readonly SqlValue[]) => Row) | undefined;
}

interface Kept {
  readonly query: BuilderQuery;
  readonly tables: ReadonlySet<number>;
  /** Where queries of one table are found by the rows that concern them. */
  readonly filed: FiledQuery<BuilderQuery> | undefined;
}

export class LiveQueries {
  readonly #options: LiveQueriesOptions;
  readonly #reruns = new Map<number, Rerun>();
  readonly #kept = new Map<number, Kept>();
  readonly #index = new PlanIndex<BuilderQuery>();
  readonly #changes = new NetChanges();
  #changeCount = 0;
  #shown: ShownValues | undefined;
  /** Those whose last run failed: the page is told when it is well again, though its rows be the same as before. */
  readonly #failed = new Set<number>();

  constructor(options: LiveQueriesOptions) {
    this.#options = options;
  }

  /** Its first result comes with the next `refresh`. */
  watch({ queryId, source }: WatchRequest): HostEvent | undefined {
    const { engine, nowMs, maintains } = this.#options;
    try {
      if (source.type === 'sql') {
        const asked = sqlRuns.code.liveSql(source.sql, source.params, engine.definition);
        const query = this.#sqlQuery(asked);
        const shape = { columns: query.columns, types: undefined };
        this.#reruns.set(queryId, { query, shape, isShapeTold: false, read: undefined });
        return undefined;
      }
      const plan = planQuery(source.spec, engine.definition, { isVisible: (table) => table.public });
      if (maintains !== false) this.#keep(queryId, plan);
      else {
        const { SqlQuery, resultSql, rowReader } = sqlRuns.code;
        const query = new SqlQuery({ engine, ...resultSql(plan), nowMs });
        const read = rowReader(plan, (tableId) => engine.shape(tableId));
        const { fields } = plan.rowType;
        const shape = { columns: fields.map(({ name }) => name), types: fields.map(({ type }) => type) };
        this.#reruns.set(queryId, { query, shape, isShapeTold: false, read });
      }
      return undefined;
    } catch (error) {
      return failed(queryId, error);
    }
  }

  #sqlQuery(asked: LiveSql): SqlQuery {
    const { engine, nowMs } = this.#options;
    const { ShownValues, SqlQuery, withPlace } = sqlRuns.code;
    this.#shown ??= new ShownValues(engine);
    try {
      return new SqlQuery({ engine, sql: asked.sql, params: asked.params, shown: this.#shown.of(asked), nowMs });
    } catch (error) {
      throw withPlace(error, engine, asked.asked, asked.sql);
    }
  }

  unwatch(queryId: number): void {
    this.#reruns.get(queryId)?.query.close();
    this.#reruns.delete(queryId);
    const filed = this.#kept.get(queryId)?.filed;
    if (filed !== undefined) this.#index.remove(filed);
    this.#kept.delete(queryId);
    this.#failed.delete(queryId);
  }

  /** Rows of this table are others now, whichever. */
  touch(tableId: number): void {
    for (const { query } of this.#reruns.values()) query.touch(tableId);
    for (const { query, tables } of this.#kept.values()) if (tables.has(tableId)) query.break();
  }

  /** The engine leaves the state that queries under way were reading. */
  interrupt(): void {
    for (const { query } of this.#reruns.values()) query.interrupt();
  }

  /** These rows have changed, in the engine as well. */
  changed(change: RowChange): void {
    for (const { query } of this.#reruns.values()) query.touch(change.tableId);
    if (this.#kept.size === 0 || this.#options.engine.shape(change.tableId).table.event) return;
    this.#changes.add(change);
    // So many that reading all anew is quicker.
    if (++this.#changeCount > limits.liveChangesMax) this.#breakAll();
  }

  get isStale(): boolean {
    if (this.#changeCount > 0) return true;
    for (const { query } of this.#kept.values()) if (query.isStale) return true;
    for (const { query } of this.#reruns.values()) if (query.isStale) return true;
    return false;
  }

  /** How long until what could not be run now may be, by `nowMs`; undefined when nothing waits. */
  get restMs(): number | undefined {
    let rest: number | undefined;
    for (const { query } of this.#reruns.values()) {
      if (!query.isStale) continue;
      const each = Math.max(0, query.notBeforeMs - this.#options.nowMs());
      rest = rest === undefined ? each : Math.min(rest, each);
    }
    return rest;
  }

  /** Brings up to date what is stale; an unchanged result is no event. */
  refresh(): HostEvent[] {
    this.#hand();
    const events: HostEvent[] = [];
    for (const [queryId, { query }] of this.#kept) {
      if (query.isStale) this.#collect(events, queryId, query, () => query.refresh());
    }
    const endMs = this.#options.nowMs() + sliceMs;
    for (const [queryId, rerun] of this.#reruns) {
      const nowMs = this.#options.nowMs();
      if (!rerun.query.isStale || nowMs < rerun.query.notBeforeMs) continue;
      if (nowMs > endMs) break;
      this.#collect(events, queryId, rerun.query, () => refreshed(rerun));
    }
    return events;
  }

  close(): void {
    for (const queryId of [...this.#reruns.keys(), ...this.#kept.keys()]) this.unwatch(queryId);
    this.#shown?.close();
  }

  #keep(queryId: number, plan: ResultPlan): void {
    const query = new BuilderQuery(this.#options.engine, plan);
    // Conditions of live queries name no sender.
    const filed = query.maintained.isOfOneTable
      ? { plan: plan.rows, sender: Identity.zero(), target: query }
      : undefined;
    if (filed !== undefined) this.#index.add(filed);
    this.#kept.set(queryId, { query, tables: tablesOf(plan.rows), filed });
  }

  /** Hands the changes to the queries that they concern. */
  #hand(): void {
    if (this.#changeCount === 0) return;
    this.#changeCount = 0;
    const { engine } = this.#options;
    const changes = this.#changes.take((tableId, a, b) => engine.equal(tableId, a, b));
    for (const change of changes) {
      this.#index.match(change, (query, wasIn, isIn) => {
        query.maintained.change(wasIn ? change.before : undefined, isIn ? change.after : undefined);
        query.isStale = true;
      });
    }
    let batch: Batch | undefined;
    for (const { query, tables, filed } of this.#kept.values()) {
      if (filed !== undefined || !changes.some(({ tableId }) => tables.has(tableId))) continue;
      batch ??= new Batch(changes);
      query.maintained.apply(batch);
      query.isStale = true;
    }
  }

  #collect(
    events: HostEvent[],
    queryId: number,
    query: { readonly isStale: boolean },
    refresh: () => RowsUpdate | undefined,
  ): void {
    try {
      const update = refresh();
      const isWellAgain = this.#failed.has(queryId) && !query.isStale;
      if (update !== undefined || isWellAgain) events.push({ type: 'rows', queryId, update: update ?? sameRows });
      if (isWellAgain) this.#failed.delete(queryId);
    } catch (error) {
      events.push(failed(queryId, error));
      this.#failed.add(queryId);
    }
  }

  #breakAll(): void {
    this.#changes.take(() => true);
    this.#changeCount = 0;
    for (const { query } of this.#kept.values()) query.break();
  }
}

function failed(queryId: number, error: unknown): HostEvent {
  if (!(error instanceof ForerunError)) throw error;
  return { type: 'queryFailed', queryId, message: error.message, detail: error.detail };
}

function refreshed(rerun: Rerun): RowsUpdate | undefined {
  const { query, shape, isShapeTold, read } = rerun;
  const found = query.refresh();
  if (found === undefined) return undefined;
  rerun.isShapeTold = true;
  return {
    ...(!isShapeTold && { shape }),
    change: { type: 'order', places: found.order },
    fresh: read === undefined ? found.fresh : found.fresh.map((row) => valuesOf(shape.columns, read(row))),
  };
}
