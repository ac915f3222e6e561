/**
 * One query over HTTP. The owner may ask whatever SQLite can read; anyone else the language of subscriptions, over the rows of
 * public tables that they may see.
 *
 * Law: nothing is written, and no more rows than `queryRowsMax` are read.
 */

import type { Engine } from '../../core/engine/engine.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { ForerunError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { tablesRead } from '../../core/query/dependencies.ts';
import { parseQuery } from '../../core/query/parse.ts';
import { needsExact } from '../../core/query/select.ts';
import { Visibility } from '../../core/query/visibility.ts';
import type { ViewInstances } from '../../core/session/view-instances.ts';
import { askedBy, askedSql, type Viewer } from '../../core/session/viewer.ts';
import { sqlToJson } from './json-values.ts';

export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

/** What is asked. */
export interface Queried {
  readonly engine: Engine;
  readonly views: ViewInstances;
}

/** Checks the text; the result runs it. Throws `query-invalid`, and the run `limit-reached`. */
export function queryOf({ engine, views }: Queried, text: string, viewer: Viewer): () => QueryResult {
  const sql = text.trim().replace(/;\s*$/, '');
  if (viewer.isOwner) {
    // First as it is: what SQLite finds wrong is to be told with the text as it was given.
    engine.query(sql).free();
    const { tables } = engine.definition;
    const isOfView = [...tablesRead(engine, sql)].some((tableId) => tables[tableId]?.view !== undefined);
    // SQLite knows of a view its columns only: rows it has for a viewer, also for the owner.
    if (!isOfView) return () => run(engine, sql);
  }
  const { definition } = engine;
  const plan = parseQuery(sql, definition, { isVisible: (table) => table.public || viewer.isOwner });
  const visibility = new Visibility(definition);
  askedBy(viewer, plan, visibility);
  return () => {
    const bound = views.bind(plan, viewer.identity);
    try {
      return run(engine, askedSql(askedBy(viewer, bound, visibility)));
    } finally {
      views.release(bound);
    }
  };
}

function run(engine: Engine, sql: string): QueryResult {
  const { queryRowsMax } = limits;
  const statement = engine.query(`SELECT * FROM (${sql}\n) LIMIT ${queryRowsMax + 1}`);
  try {
    const rows = statement.all([], needsExact);
    if (rows.length > queryRowsMax) {
      throw new ForerunError(
        'limit-reached',
        `The query has more than ${queryRowsMax} rows (queryRowsMax). Ask for fewer with WHERE, or LIMIT.`,
      );
    }
    const names = statement.columnNames();
    // The key of a table that has none is made of the row, and says no more than it.
    const shown = names.flatMap((name, at) => (name === '_key' ? [] : [at]));
    return {
      columns: shown.map((at) => names[at] ?? ''),
      rows: rows.map((row) => shown.map((at) => row[at] ?? null)),
    };
  } finally {
    statement.free();
  }
}

/** SpacetimeDB's form: one result per statement, of which there is one. */
export function resultJson({ columns, rows }: QueryResult, micros: number): string {
  const elements = columns.map((name) => ({ name: { some: name } }));
  return JSON.stringify([
    { schema: { elements }, rows: rows.map((row) => row.map(sqlToJson)), total_duration_micros: micros },
  ]);
}
