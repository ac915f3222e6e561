/** Who asks, and what becomes of a query that they ask. */

import { quote } from '../engine/ddl.ts';
import { bindSender } from '../query/bind-sender.ts';
import { conditionSql } from '../query/condition-sql.ts';
import { planSql, type QueryPlan, resultSource } from '../query/plan.ts';
import type { Visibility } from '../query/visibility.ts';
import type { Identity } from '../value/identity.ts';
import type { AskedQuery } from './shared-query.ts';

export interface Viewer {
  readonly identity: Identity;
  /** The owner of a database sees every row. */
  readonly isOwner: boolean;
}

/** For SQLite: the rows that the query holds for its viewer, each once where some may be hidden. */
export function askedSql({ branches, isRestricted }: AskedQuery): string {
  const [first] = branches;
  if (first === undefined) throw new RangeError('a query has an alternative');
  if (!isRestricted) return planSql(first, 'sqlite');
  const { table, alias } = resultSource(first);
  const conditions = branches.map((branch) => `(${conditionSql(branch)})`);
  return `SELECT * FROM ${quote(table.name)} AS ${quote(alias)} WHERE ${conditions.join(' OR ')}`;
}

/** Throws `query-invalid` where the visibility filters can't be put into it. */
export function askedBy({ identity, isOwner }: Viewer, plan: QueryPlan, visibility: Visibility): AskedQuery {
  const isRestricted = !isOwner && plan.sources.some(({ table }) => visibility.isRestricted(table.tableId));
  const branches = isRestricted ? visibility.restrict(plan) : [plan];
  return { branches: branches.map((branch) => bindSender(branch, identity)), isRestricted };
}
