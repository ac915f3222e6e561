/**
 * The rows of a query, page by page in SQLite's order of the key, so that whoever reads many of them can let others go
 * ahead in between.
 *
 * Law: a page looks at a bounded number of rows, unless an index leads to those it wants: a condition that hardly any
 * row fulfils does not make it long.
 */

import type { Key, Row } from '../commit/row-change.ts';
import { keyColumnName, quote } from '../engine/ddl.ts';
import type { Engine } from '../engine/engine.ts';
import type { TableStore } from '../engine/table-store.ts';
import { type Anchor, anchorsOf } from './anchor.ts';
import { isTrue } from './expression.ts';
import { type QueryPlan, resultSource } from './plan.ts';
import { conditionSql } from './condition-sql.ts';

export interface ScannedPage {
  readonly rows: readonly Row[];
  /** Where the next page begins; undefined when this was the last. */
  readonly next: Key | undefined;
}

/** Rows after the key `after`; `rowsMax` bounds what is looked at. The sender is bound in the plan. */
export function scanPage(engine: Engine, plan: QueryPlan, after: Key | undefined, rowsMax: number): ScannedPage {
  const { table, alias } = resultSource(plan);
  const store = engine.store(table.tableId);
  if (plan.sources.length === 1 && isTrue(plan.where)) {
    const rows = store.page(after, rowsMax);
    return { rows, next: rows.length < rowsMax ? undefined : keyOfLast(store, rows) };
  }
  for (const source of plan.sources) engine.store(source.table.tableId).flush();
  const key = `${quote(alias)}.${quote(keyColumnName(table))}`;
  const condition = conditionSql(plan);
  const from = `AS ${quote(alias)} WHERE (${condition})`;
  const { keyToSql } = store.shape.sql;
  const afterSql = after === undefined ? [] : [keyToSql(after)];
  const isAfter = after === undefined ? '' : ` AND ${key} > ?`;
  if (isIndexed(plan)) {
    const rows = store.select(`${from}${isAfter} ORDER BY ${key} LIMIT ?`, [...afterSql, rowsMax]);
    return { rows, next: rows.length < rowsMax ? undefined : keyOfLast(store, rows) };
  }
  // The last row of those to be looked at bounds the page from above.
  const [last] = store.select(
    `${after === undefined ? '' : `WHERE ${quote(keyColumnName(table))} > ?`} ORDER BY ${quote(keyColumnName(table))} LIMIT 1 OFFSET ?`,
    [...afterSql, rowsMax - 1],
  );
  const end = last === undefined ? undefined : store.shape.keyOf(last);
  const rows = store.select(`${from}${isAfter}${end === undefined ? '' : ` AND ${key} <= ?`} ORDER BY ${key}`, [
    ...afterSql,
    ...(end === undefined ? [] : [keyToSql(end)]),
  ]);
  return { rows, next: end };
}

function keyOfLast(store: TableStore, rows: readonly Row[]): Key {
  return store.shape.keyOf(rows[rows.length - 1] as Row);
}

/** Equalities on the first column of an index lead to the rows, whatever else is asked of them. */
export function isIndexed(plan: QueryPlan): boolean {
  const { table } = resultSource(plan);
  const { anchors = [] } = anchorsOf(plan.where, undefined);
  const leads = ({ type, column }: Anchor): boolean =>
    type === 'equal' &&
    column.source === plan.result &&
    table.indexes.some(({ columns }) => columns[0] === column.column);
  return anchors.length > 0 && anchors.every(leads);
}
