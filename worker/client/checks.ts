/**
 * What is looked at before the page goes on, in development: that the module is sound, that a query means something, and
 * that a call's arguments are of its types. In a production build `no-checks.ts` is in this place (`#client-checks` in
 * package.json), since a module's mistakes have been found by then, and the others' are told by the host, with the same
 * words.
 */

import { canonicalAt } from '../../core/codec/canonical-interpreter.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import type { ModuleExports } from '../../core/module/module.ts';
import { resolveModule } from '../../core/module/module-shape.ts';
import type { ReducerShape } from '../../core/module/page-module.ts';
import type { QuerySpec } from '../../core/module/query-spec.ts';
import type { TableShape } from '../../core/module/table-shape.ts';
import { planQuery } from '../../core/query/plan-query.ts';

export const isProductionBuild = false;

/** Throws `module-invalid`. */
export function checkModule(module: ModuleExports): void {
  resolveModule(module);
}

/** Throws `query-invalid`. */
export function checkQuery(spec: QuerySpec, tables: readonly TableShape[]): void {
  // The plan is thrown away, and making it asks no more of a table than its shape.
  planQuery(spec, { tables: tables as readonly TableDefinition[] }, { isVisible: (table) => table.public });
}

/** The call's own copy of its arguments. Throws `args-invalid`. */
export function argsOf({ params, accessor }: ReducerShape): (args: unknown) => unknown {
  return (args) => canonicalAt(params, args, { path: accessor, code: 'args-invalid' });
}
