/**
 * A module: the namespace object of a file whose default export is a schema, resolved to plain data.
 *
 * Law: the same namespace gives the same definition, always; and a definition that exists is sound. Whatever is wrong
 * with a module is found here, before the first row.
 */

import { ForerunError } from '../errors.ts';
import type { RowObj } from './column-builder.ts';
import { fail } from './column-check.ts';
import type { InferTypeOfRow } from './column.ts';
import type { ModuleDefinition } from './definition.ts';
import { exportKey, isModuleExport } from './module-export.ts';
import { moduleHash } from './module-hash.ts';
import { byName, TakenNames } from './names.ts';
import { defineReducers, type NamedExport } from './reducer-definition.ts';
import {
  type AnySchema,
  CaseConversionPolicy,
  type ExportGroup,
  type InferSchema,
  type SchemaSpec,
  schemaKey,
} from './schema.ts';
import type { RowOf } from './table.ts';
import { defineTable } from './table-definition.ts';
import { defineView } from './view-definition.ts';

/** A module's namespace object: `import * as game from './module.ts'`. */
export interface ModuleExports {
  readonly default: AnySchema;
  readonly [name: string]: unknown;
}

/** The row types of a module's tables, by accessor. */
export type TablesOf<M extends ModuleExports> = {
  readonly [K in keyof InferSchema<M['default']> & string]: RowOf<InferSchema<M['default']>[K]>;
};

/** The argument types of the reducers that clients may call, by the name of their export. */
export type ReducersOf<M> = OwnReducers<M> &
  Merged<{ [K in keyof M]: M[K] extends ExportGroup<infer E> ? OwnReducers<E> : never }[keyof M]>;

type OwnReducers<M> = {
  readonly [K in keyof M & string as CallableParams<M[K]> extends never ? never : K]: InferTypeOfRow<
    CallableParams<M[K]>
  >;
};

type CallableParams<R> = R extends {
  readonly [exportKey]: { readonly types?: () => { readonly params: infer P extends RowObj; readonly callable: true } };
}
  ? P
  : never;

/** The intersection of a union's members. */
type Merged<U> = ([U] extends [never] ? unknown : U extends unknown ? (member: U) => void : never) extends (
  member: infer I,
) => void
  ? I
  : unknown;

const definitions = new WeakMap<object, ModuleDefinition>();

/**
 * Resolves a module to its definition. Throws module-invalid, naming the table, column or export and what to write
 * instead.
 *
 *     import * as game from './module.ts';
 *     const definition = defineModule(game);
 */
export function defineModule(exports: ModuleExports): ModuleDefinition {
  const known = definitions.get(exports);
  if (known !== undefined) return known;
  const definition = resolve(exports);
  definitions.set(exports, definition);
  return definition;
}

function resolve(exports: ModuleExports): ModuleDefinition {
  const schema = schemaOf(exports);
  const policy = schema.settings.CASE_CONVERSION_POLICY ?? CaseConversionPolicy.SnakeCase;
  const named = namedExports(exports, schema);

  const sqlNames = new TakenNames();
  const tables = Object.entries(schema.tables).map(([accessor, table], tableId) =>
    defineTable(table, { tableId, accessor, policy, sqlNames }),
  );
  const views = named.flatMap(({ name, value }) => {
    const spec = value[exportKey];
    return spec.type === 'view' ? [defineView(spec, { accessor: name, policy, sqlNames })] : [];
  });
  const reducers = defineReducers(named, { schema, tables, policy });
  const visibilityFilters = named.flatMap(({ value }) =>
    value[exportKey].type === 'visibilityFilter' ? [value[exportKey].sql] : [],
  );

  const shape = { tables, reducers, views: views.toSorted(byName), visibilityFilters };
  return { ...shape, hash: moduleHash(shape) };
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
