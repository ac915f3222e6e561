/** Who asks, and what becomes of a query that they ask. */

import { bindSender } from '../query/bind-sender.ts';
import type { QueryPlan } from '../query/plan.ts';
import type { Visibility } from '../query/visibility.ts';
import type { Identity } from '../value/identity.ts';
import type { AskedQuery } from './shared-query.ts';

export interface Viewer {
  readonly identity: Identity;
  /** The owner of a database sees every row. */
  readonly isOwner: boolean;
}

/** Throws `query-invalid` where the visibility filters can't be put into it. */
export function askedBy({ identity, isOwner }: Viewer, plan: QueryPlan, visibility: Visibility): AskedQuery {
  const isRestricted = !isOwner && plan.sources.some(({ table }) => visibility.isRestricted(table.tableId));
  const branches = isRestricted ? visibility.restrict(plan) : [plan];
  return { branches: branches.map((branch) => bindSender(branch, identity)), isRestricted };
}
