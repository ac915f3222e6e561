/**
 * What may be said of a column, given its type. The types of the builders say most of this too; here it holds for
 * JavaScript, and for what types can't say.
 */

import { interpretCanonical } from '../codec/canonical.ts';
import { layoutOf } from '../codec/layout.ts';
import { ForerunError } from '../errors.ts';
import type { ColumnType } from '../value/column-type.ts';
import type { ColumnSpec, IndexAlgorithm, Mark } from './column-builder.ts';

/** Throws module-invalid when what was said of a column can't be true together. */
export function checkColumn(spec: ColumnSpec<unknown, Mark>, unique: boolean, place: string): void {
  const { type } = spec;
  checkType(type, place);
  if (spec.defaultValue !== undefined && (unique || spec.autoInc)) {
    fail(place, 'has a default, which can not go with primaryKey(), unique() or autoInc(): remove one of them');
  }
  if (spec.autoInc && !isInteger(type))
    fail(place, `can not count up: autoInc() is for integers, and this is ${describe(type)}`);
  if (unique && !isKeyType(type))
    fail(
      place,
      `can not be a key: ${describe(type)} has no equality that fits. Use an integer, string, bool, identity, connectionId, timestamp, timeDuration, uuid, or an enum without values`,
    );
  if (spec.index) checkIndexed(spec.index, type, place);
}

/** Throws module-invalid when there is no such index over such a column. */
export function checkIndexed(algorithm: IndexAlgorithm, type: ColumnType, place: string): void {
  if (!['btree', 'hash', 'direct'].includes(algorithm))
    fail(place, `there is no index of the kind '${algorithm}': use 'btree', 'hash' or 'direct'`);
  if (!isKeyType(type) && type.type !== 'f32' && type.type !== 'f64') {
    fail(place, `can not be indexed, since it is ${describe(type)}: index a column of a simple type`);
  }
  if (algorithm === 'direct' && !['u8', 'u16', 'u32', 'u64'].includes(type.type) && type.type !== 'sum') {
    fail(place, `a direct index is for u8, u16, u32 and u64, and this is ${describe(type)}: use 'btree'`);
  }
}

/** Throws module-invalid when no codec can be made of rows or arguments with a field of this type. */
export function checkType(type: ColumnType, place: string): void {
  asModuleInvalid(place, () => layoutOf({ type: 'product', fields: [{ name: 'field', type }] }));
}

/** The default as rows will hold it. Throws module-invalid when it is not of the column's type. */
export function canonicalDefault(type: ColumnType, value: unknown, place: string): unknown {
  return asModuleInvalid(place, () => interpretCanonical(type, 'row-invalid')(value, 'its default'));
}

/** What the codec refuses of a module, with the place in the module at which it stands. */
function asModuleInvalid<T>(place: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof ForerunError)) throw error;
    throw new ForerunError('module-invalid', `${place}: ${error.message}`, { cause: error });
  }
}

/** Throws module-invalid when this can't be a field of an object. */
export function checkField(field: string, place: string): void {
  if (field === '__proto__')
    fail(place, "has the field '__proto__', which has a meaning in JavaScript: choose another name");
}

function isInteger({ type }: ColumnType): boolean {
  return /^[iu](8|16|32|64|128|256)$/.test(type);
}

const keyTypes: ReadonlySet<string> = new Set([
  'bool',
  'string',
  'identity',
  'connectionId',
  'timestamp',
  'timeDuration',
  'uuid',
]);

function isKeyType(type: ColumnType): boolean {
  if (type.type === 'sum') return type.variants.every((variant) => variant.type.type === 'unit');
  return isInteger(type) || keyTypes.has(type.type);
}

function describe(type: ColumnType): string {
  if (type.type === 'product') return 'an object';
  if (type.type === 'sum') return 'an enum with values';
  return type.type === 'array' || type.type === 'option' ? `an ${type.type}` : type.type;
}

/** `place` begins the message; `problem` says what to do. */
export function fail(place: string, problem: string): never {
  throw new ForerunError('module-invalid', `${place}: ${problem}.`);
}
