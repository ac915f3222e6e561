/** Subscriptions to all rows of a table, which are read without the parser of SQL: those of `subscribe: 'all'`. */

import type { ModuleDefinition } from '../core/module/definition.ts';
import { type QueryPlan, wholeTable } from '../core/query/plan.ts';

const form = /^SELECT \* FROM "((?:[^"]|"")+)"$/;

export function wholeTableSql(name: string): string {
  return `SELECT * FROM "${name.replaceAll('"', '""')}"`;
}

export function isWholeTable(sql: string): boolean {
  return form.test(sql);
}

/** Undefined for other texts, and for tables that clients don't see. */
export function wholeTablePlan(sql: string, { tables }: ModuleDefinition): QueryPlan | undefined {
  const name = form.exec(sql)?.[1]?.replaceAll('""', '"');
  const table = tables.find((each) => each.name === name && each.public);
  return table && wholeTable(table);
}
