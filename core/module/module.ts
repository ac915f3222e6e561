/**
 * A module: the namespace object of a file whose default export is a schema, resolved to plain data.
 *
 * Law: the same namespace gives the same definition, always; and a definition that exists is sound. Whatever is wrong
 * with a module is found here, before the first row.
 */

import type { RowObj } from './column-builder.ts';
import type { InferTypeOfRow } from './column.ts';
import type { ModuleDefinition } from './definition.ts';
import type { exportKey } from './module-export.ts';
import { moduleHash } from './module-hash.ts';
import { resolveModule } from './module-shape.ts';
import type { AnySchema, ExportGroup, InferSchema } from './schema.ts';
import type { RowOf } from './table.ts';

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
  const shape = resolveModule(exports);
  const definition = { ...shape, hash: moduleHash(shape) };
  definitions.set(exports, definition);
  return definition;
}
