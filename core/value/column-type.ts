/**
 * A column's type as plain data.
 *
 * Everything that must know the shape of a value (codec, DDL, checks, ordering, hashes) is derived from this
 * description, and it is what travels when a module's shape has to be told to someone who lacks its code (the storage
 * thread, `describe`, a client built from an older module). It holds no functions, so it can be cloned and hashed.
 *
 * The types and their binary form are SpacetimeDB's SATS; `bytes` is `array(u8)` with its own TypeScript form.
 */

export type ColumnType =
  | { readonly type: PrimitiveTypeName }
  | { readonly type: 'array'; readonly element: ColumnType }
  | { readonly type: 'option'; readonly value: ColumnType }
  | { readonly type: 'result'; readonly ok: ColumnType; readonly err: ColumnType }
  | ProductType
  | SumType;

export type PrimitiveTypeName = NumberTypeName | BigIntTypeName | OpaqueTypeName;

/** TypeScript `number`. */
export type NumberTypeName = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'f64';

/** TypeScript `bigint`. */
export type BigIntTypeName = 'i64' | 'u64' | 'i128' | 'u128' | 'i256' | 'u256';

/**
 * The rest: `bytes` is a Uint8Array, `unit` is `{}`; identity, connectionId, timestamp, timeDuration and uuid are the
 * classes of `core/value/`; scheduleAt is `{tag: 'Interval', value: TimeDuration} | {tag: 'Time', value: Timestamp}`.
 */
export type OpaqueTypeName =
  | 'bool'
  | 'string'
  | 'bytes'
  | 'unit'
  | 'identity'
  | 'connectionId'
  | 'timestamp'
  | 'timeDuration'
  | 'scheduleAt'
  | 'uuid';

/** A plain object with these fields, encoded in this order. */
export interface ProductType {
  readonly type: 'product';
  readonly name?: string;
  readonly fields: readonly Field[];
}

export interface Field {
  readonly name: string;
  readonly type: ColumnType;
}

/** `{tag}` for a variant whose type is unit, else `{tag, value}`; the index of the variant is its tag byte. */
export interface SumType {
  readonly type: 'sum';
  readonly name?: string;
  readonly variants: readonly Variant[];
}

export interface Variant {
  readonly name: string;
  readonly type: ColumnType;
}
