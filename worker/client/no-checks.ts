/** In a production build in place of `checks.ts`, which says why: nothing is looked at. */

import { ownValue } from '../../core/codec/own-value.ts';
import type { ModuleExports } from '../../core/module/module.ts';
import type { ReducerShape } from '../../core/module/page-module.ts';
import type { QuerySpec } from '../../core/module/query-spec.ts';
import type { TableShape } from '../../core/module/table-shape.ts';

export const isProductionBuild = true;

export function checkModule(_module: ModuleExports): void {}

export function checkQuery(_spec: QuerySpec, _tables: readonly TableShape[]): void {}

export function argsOf({ params }: ReducerShape): (args: unknown) => unknown {
  const own = ownValue(params);
  return (args) => {
    // What can't be copied by its type is refused by the host, which says why.
    try {
      return own?.(args);
    } catch {
      return args;
    }
  };
}
