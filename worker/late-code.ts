/**
 * What a host loads when a page first asks for it: most pages watch tables and parts of them, and never need the rest.
 *
 * Law: a page's request is heard when the code for it is here (`host.ts`); what is not needed at the start comes after
 * the first rows, so that an app which is offline later has it.
 */

import { Late } from '../core/late.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import { isGrouped } from '../core/module/query-spec.ts';
import type { QuerySource, SubscriptionSource } from './client/host-api.ts';
import { isWholeTable } from './whole-table.ts';

type Parser = Pick<typeof import('../core/query/parse.ts'), 'parseQuery'>;
type Filters = Pick<typeof import('../core/query/visibility.ts'), 'filterPlans'>;
type Partners = Pick<typeof import('../core/query/partners.ts'), 'Partners'>;
type Groups = Pick<typeof import('../core/query/groups.ts'), 'Groups'>;
type SqlRuns = typeof import('./live/sql-runs.ts');

/** Subscriptions as SQL. */
export const parser: Late<Parser> = new Late(() => import('../core/query/parse.ts'));
/** Modules with visibility filters. */
export const filters: Late<Filters> = new Late(() => import('../core/query/visibility.ts'));
/** Live queries of joined tables. */
export const partners: Late<Partners> = new Late(() => import('../core/query/partners.ts'));
/** Live queries of groups. */
export const groups: Late<Groups> = new Late(() => import('../core/query/groups.ts'));
/** Live queries as SQL. */
export const sqlRuns: Late<SqlRuns> = new Late(() => import('./live/sql-runs.ts'));

const all: readonly Late<unknown>[] = [parser, filters, partners, groups, sqlRuns];

export function neededByModule({ visibilityFilters }: ModuleDefinition): readonly Late<unknown>[] {
  return visibilityFilters.length > 0 ? [filters] : [];
}

export function neededByQuery(source: QuerySource): readonly Late<unknown>[] {
  if (source.type === 'sql') return [sqlRuns];
  const isJoined = source.spec.tables.length > 1;
  return [...(isJoined ? [partners] : []), ...(isGrouped(source.spec) ? [groups] : [])];
}

export function neededBySubscriptions(queries: readonly SubscriptionSource[]): readonly Late<unknown>[] {
  const isParsed = (query: SubscriptionSource): boolean =>
    typeof query === 'string' ? !isWholeTable(query) : 'text' in query;
  return queries.some(isParsed) ? [parser] : [];
}

export async function load(needed: readonly Late<unknown>[]): Promise<void> {
  await Promise.all(needed.map((each) => each.load()));
}

/** What can't be loaded now is tried again when it is needed. */
export async function loadAll(): Promise<void> {
  await Promise.allSettled(all.map((each) => each.load()));
}
