/** A text for a module's shape, for tabs to see whether theirs are the same. */

import { columnKey } from '../../core/module/column-key.ts';
import type { ModuleExports } from '../../core/module/module.ts';
import { pageModule } from '../../core/module/page-module.ts';
import { schemaKey } from '../../core/module/schema.ts';
import { tableKey } from '../../core/module/table.ts';

/** Functions have no part in it. */
export function moduleVersion(module: ModuleExports): string {
  const { tables, settings } = module.default[schemaKey];
  const written = Object.values(tables).map((table) => [
    table[tableKey],
    Object.values(table.rowType.row).map((column) => column[columnKey]),
  ]);
  return JSON.stringify([pageModule(module), written, settings], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}
