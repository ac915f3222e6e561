/** In a production build in place of `checks.ts`, which says why: nothing is looked at. */

import type { ModuleExports } from '../../core/module/module.ts';
import type { QuerySpec } from '../../core/module/query-spec.ts';
import type { TableShape } from '../../core/module/table-shape.ts';

export const isProductionBuild = true;

export function checkModule(_module: ModuleExports): void {}

export function checkQuery(_spec: QuerySpec, _tables: readonly TableShape[]): void {}
