/**
 * Which tables a statement reads, from SQLite's own plan: EXPLAIN names the b-trees that it opens. Statements that would
 * write, or that are no queries, are refused.
 */

import type { Engine } from '../engine/engine.ts';
import { ForerunError } from '../errors.ts';
import { checkQuery, wordsOf } from './sql-words.ts';

/** TableIds that `sql` reads. Throws `query-invalid` with SQLite's message, or when it is not a query. */
export function tablesRead(engine: Engine, sql: string): Set<number> {
  checkQuery(sql, wordsOf(sql));
  const roots = new Map(
    engine.select('SELECT rootpage, tbl_name FROM sqlite_master').rows.map(([page, name]) => [page, name]),
  );
  const tables = new Set<number>();
  for (const [, opcode, , p2, p3] of engine.select(`EXPLAIN ${sql}`).rows) {
    if (opcode === 'Transaction' && p2 !== 0)
      throw new ForerunError(
        'query-invalid',
        `This statement writes; rows are changed by reducers: ${sql.slice(0, 200)}`,
      );
    if (opcode !== 'OpenRead' || p3 !== 0) continue;
    const table = engine.definition.tables.find(({ name }) => name === roots.get(p2 ?? null));
    if (table !== undefined) tables.add(table.tableId);
  }
  return tables;
}
