/**
 * A module resolved to plain data, all but its hash: what the side of a page needs, which says nothing to an authority
 * and so carries no hash function.
 */

import { ForerunError } from '../errors.ts';
import { fail } from './column-check.ts';
import type { ModuleDefinition } from './definition.ts';
import type { ModuleExports } from './module.ts';
import { exportKey, isModuleExport } from './module-export.ts';
import { byName } from './canonical-name.ts';
import { TakenNames } from './names.ts';
import { defineReducers, type NamedExport } from './reducer-definition.ts';
import { type AnySchema, type SchemaSpec, schemaKey } from './schema.ts';
import { defineTables, policyOf } from './schema-tables.ts';
import { defineView, viewTable } from './view-definition.ts';

export type ModuleShape = Omit<ModuleDefinition, 'hash'>;

/** Throws module-invalid, as `defineModule` does. */
export function resolveModule(exports: ModuleExports): ModuleShape {
  const schema = schemaOf(exports);
  const policy = policyOf(schema);
  const named = namedExports(exports, schema);

  const sqlNames = new TakenNames();
  const tables = defineTables(schema, sqlNames);
  const views = named.flatMap(({ name, value }) => {
    const spec = value[exportKey];
    return spec.type === 'view' ? [defineView(spec, { accessor: name, policy, sqlNames })] : [];
  });
  const reducers = defineReducers(named, { schema, tables, policy });
  const visibilityFilters = named.flatMap(({ value }) =>
    value[exportKey].type === 'visibilityFilter' ? [value[exportKey].sql] : [],
  );

  const sortedViews = views.toSorted(byName);
  for (const { accessor } of sortedViews)
    if (tables.some((table) => table.accessor === accessor))
      fail(`view '${accessor}'`, 'has the name of a table: export it under another');
  const viewTables = sortedViews.map((view, i) => viewTable(view, tables.length + i));
  return { tables: [...tables, ...viewTables], reducers, views: sortedViews, visibilityFilters };
}

function schemaOf(exports: ModuleExports): SchemaSpec {
  const value: unknown = exports?.default;
  if (isSchema(value)) return value[schemaKey];
  const hint = isSchema(exports)
    ? 'this is its schema: pass the whole module'
    : 'it has no default export made by schema(): write export default schema({ … })';
  throw new ForerunError(
    'module-invalid',
    `defineModule(): ${hint}. A module is what import * as game from './module.ts' gives.`,
  );
}

function isSchema(value: unknown): value is AnySchema {
  return typeof value === 'object' && value !== null && schemaKey in value;
}

/** Everything of the schema that is exported, groups taken apart, sorted by name. Other exports are none of ours. */
function namedExports(exports: Readonly<Record<string, unknown>>, schema: SchemaSpec): NamedExport[] {
  const found: NamedExport[] = [];
  for (const [name, value] of Object.entries(exports)) {
    if (!isModuleExport(value)) continue;
    const spec = value[exportKey];
    if (spec.schema !== schema)
      fail(
        `export '${name}'`,
        'belongs to another schema than the default export: make it with the schema of this module',
      );
    if (spec.type === 'group') found.push(...namedExports(spec.exports, schema));
    else found.push({ name, value });
  }
  return found.toSorted(byName);
}
