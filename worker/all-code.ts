/** Everything that `late-code.ts` would load, for hosts that have it from the start: in Node, in pages, in tests. */

import { Groups } from '../core/query/groups.ts';
import { parseQuery } from '../core/query/parse.ts';
import { Partners } from '../core/query/partners.ts';
import { filterPlans } from '../core/query/visibility.ts';
import { filters, groups, parser, partners, sqlRuns } from './late-code.ts';
import * as sqlRunsCode from './live/sql-runs.ts';

export function provideAllCode(): void {
  parser.provide({ parseQuery });
  filters.provide({ filterPlans });
  partners.provide({ Partners });
  groups.provide({ Groups });
  sqlRuns.provide(sqlRunsCode);
}
