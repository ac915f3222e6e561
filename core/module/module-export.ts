/**
 * What a module exports beside its schema, as data behind one registered symbol: `defineModule` reads it, whichever copy
 * of this package made it.
 */

import type { ColumnType } from '../value/column-type.ts';
import type { RowObj } from './column-builder.ts';
import type { Lifecycle, WhenLate } from './definition.ts';
import type { AnyTable } from './table.ts';

export const exportKey: unique symbol = Symbol.for('forerun.export');

/** A reducer, view, filter or group of them; what it is called is decided by the name it is exported with. */
export interface ModuleExport {
  readonly [exportKey]: ExportSpec;
}

export type ExportSpec = ReducerSpec | ViewSpec | VisibilityFilterSpec | GroupSpec;

/** Of one schema; an export found in another module than its schema's is refused. */
interface OfSchema {
  /** The schema's own data, compared by identity. */
  readonly schema: object;
}

export interface ReducerSpec extends OfSchema {
  readonly type: 'reducer';
  /** Name in calls, when given. */
  readonly name: string | undefined;
  readonly params: RowObj;
  readonly lifecycle: Lifecycle | undefined;
  readonly onSchedule: AnyTable | undefined;
  readonly whenLate: WhenLate;
  readonly predict: boolean;
  readonly run: (ctx: never, args: never) => unknown;
}

export interface ViewSpec extends OfSchema {
  readonly type: 'view';
  readonly name: string | undefined;
  readonly anonymous: boolean;
  readonly returns: ColumnType;
  /** The columns of the row that it returns several or one of; undefined when it returns something else. */
  readonly row: RowObj | undefined;
  readonly run: (ctx: never) => unknown;
}

export interface VisibilityFilterSpec extends OfSchema {
  readonly type: 'visibilityFilter';
  readonly sql: string;
}

export interface GroupSpec extends OfSchema {
  readonly type: 'group';
  readonly exports: Readonly<Record<string, ModuleExport>>;
}

export function isModuleExport(value: unknown): value is ModuleExport {
  return (typeof value === 'function' || typeof value === 'object') && value !== null && exportKey in value;
}
