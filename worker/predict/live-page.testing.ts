/**
 * The live queries of a page over a client's engine, and what each step of the client makes them tell. Opened once, since
 * planning queries takes long, and begun anew for each schedule.
 */

import type { RowChange } from '../../core/commit/row-change.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { planQuery } from '../../core/query/plan-query.ts';
import { needsExact, resultSql, rowReader } from '../../core/query/select.ts';
import type { RowsUpdate } from '../client/host-api.ts';
import { LiveRowsState } from '../client/live-rows.ts';
import { LiveQueries } from '../live/live-query.ts';
import { builderQueries, definition, queries } from './arena.testing.ts';
import { provideAllCode } from '../all-code.ts';

provideAllCode();

/** What one query told its app in one step. */
export interface Emission {
  readonly queryId: number;
  readonly rows: string;
  /** How many rows are still the objects that they were. */
  readonly kept: number;
}

interface Shown {
  readonly rows: LiveRowsState<unknown>;
  /** The same result from an engine that keeps nothing up to date. */
  readonly anew: (engine: Engine) => readonly unknown[];
}

const isVisible = (): boolean => true;

export class LivePage {
  readonly #live: LiveQueries;
  readonly #shown: Shown[] = [];

  constructor(engine: Engine) {
    this.#live = new LiveQueries({ engine, nowMs: () => 0 });
    for (const spec of builderQueries) {
      const plan = planQuery(spec, definition, { isVisible });
      const sql = resultSql(plan);
      const read = rowReader(plan, (tableId) => engine.shape(tableId));
      this.#live.watch({ queryId: this.#shown.length, source: { type: 'query', spec } });
      this.#shown.push({
        rows: new LiveRowsState(() => {}),
        anew: (of) => {
          const rows: unknown[] = [];
          of.eachRow(sql, needsExact, (values) => rows.push(read(values)));
          return rows;
        },
      });
    }
    for (const sql of queries) {
      this.#live.watch({ queryId: this.#shown.length, source: { type: 'sql', sql, params: [] } });
      this.#shown.push({ rows: new LiveRowsState(() => {}), anew: (of) => named(of.select(sql)) });
    }
  }

  /** The rows are any others now. */
  begin(): void {
    for (const { tableId } of definition.tables) this.#live.touch(tableId);
    for (const { queryId, update } of this.#refresh()) this.#shown[queryId]?.rows.update(update);
  }

  /** What these changes, which the engine holds, make the queries tell: each at most once, and only what is another result. */
  step(changes: readonly RowChange[]): Emission[] {
    for (const change of changes) this.#live.changed(change);
    const emissions: Emission[] = [];
    for (const { queryId, update } of this.#refresh()) {
      const { rows } = this.#shown[queryId] as Shown;
      const before = rows.rows;
      rows.update(update);
      const known = new Set(before);
      const emission = { queryId, rows: text(rows.rows), kept: rows.rows.filter((row) => known.has(row)).length };
      if (emission.rows === text(before)) throw new Error(`query ${queryId} tells what has not changed`);
      if (emissions.some((each) => each.queryId === queryId)) throw new Error(`query ${queryId} tells twice in a step`);
      emissions.push(emission);
    }
    return emissions;
  }

  /** What one of the queries shows that the engine has not, undefined when they agree; `turn` says which one. */
  wrong(engine: Engine, turn: number): string | undefined {
    const { rows, anew } = this.#shown[turn % this.#shown.length] as Shown;
    const [shown, expected] = [text(rows.rows), text(anew(engine))];
    return shown === expected ? undefined : `it shows ${shown}, expected ${expected}`;
  }

  close(): void {
    this.#live.close();
  }

  #refresh(): { readonly queryId: number; readonly update: RowsUpdate }[] {
    return this.#live.refresh().map((event) => {
      if (event.type !== 'rows') throw new Error(`unexpected ${event.type}`);
      return event;
    });
  }
}

function named({ columns, rows }: ReturnType<Engine['select']>): object[] {
  return rows.map((values) => Object.fromEntries(columns.map((column, i) => [column, values[i] ?? null])));
}

function text(rows: readonly unknown[]): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}
