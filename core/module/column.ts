/**
 * `t`: the types of columns and parameters, and the TypeScript type of each.
 *
 * Law: `Infer<typeof b>` is exactly what the codec of `b`'s column type reads and writes.
 */

import { ForerunError } from '../errors.ts';
import type { ColumnType, Field, Variant } from '../value/column-type.ts';
import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { ScheduleAt } from '../value/schedule-at.ts';
import type { TimeDuration } from '../value/time-duration.ts';
import type { Timestamp } from '../value/timestamp.ts';
import type { Uuid } from '../value/uuid.ts';
import {
  type AnyColumn,
  type Column,
  type ColumnSpec,
  columnBuilder,
  type IntegerBuilder,
  isColumn,
  type KeyBuilder,
  type Mark,
  type OrderedBuilder,
  type PlainBuilder,
  type RowObj,
  type Step,
  stepNames,
  type TypeBuilder,
} from './column-builder.ts';
import { columnKey } from './column-key.ts';

/** The TypeScript type of a builder (`t.u32()`), or of an object of them (a row's columns, a reducer's parameters). */
export type Infer<B> = B extends AnyColumn ? ValueOf<B> : B extends RowObj ? InferTypeOfRow<B> : never;

/** The TypeScript type of one builder. */
export type InferTypeOfTypeBuilder<B extends AnyColumn> = ValueOf<B>;

/** A row or an arguments object: columns that may be undefined may be left out too. */
export type InferTypeOfRow<C extends RowObj> = Flat<
  { [K in keyof C & string as undefined extends ValueOf<C[K]> ? never : K]: ValueOf<C[K]> } & {
    [K in keyof C & string as undefined extends ValueOf<C[K]> ? K : never]?: ValueOf<C[K]>;
  }
>;

export type ValueOf<B extends AnyColumn> = B extends Column<infer T, Mark> ? T : never;

/** An intersection as the one object type that readers, and error messages, want to see. */
type Flat<T> = { [K in keyof T]: T[K] } & {};

/** The value of `t.unit()`: `{}`. */
export type Unit = Record<never, never>;

/** A row's shape as a type: an argument of a scheduled reducer, what a view returns, a field of another row. */
export interface RowBuilder<C extends RowObj> extends TypeBuilder<InferTypeOfRow<C>> {
  readonly row: C;
}

export interface UnitBuilder extends TypeBuilder<Unit> {
  readonly [columnKey]: ColumnSpec<Unit, never> & { readonly type: { readonly type: 'unit' } };
}

/** `t.u8()`, told apart because an array of it is bytes. */
export type ByteBuilder = IntegerBuilder<number> & {
  readonly [columnKey]: ColumnSpec<number, never> & { readonly type: { readonly type: 'u8' } };
};

type Elements = Readonly<Record<string, TypeBuilder<unknown>>>;

type ObjectValue<E extends Elements> = { [K in keyof E & string]: ValueOf<E[K]> } & {};

type VariantValue<K extends string, B extends TypeBuilder<unknown>> = B extends UnitBuilder
  ? { tag: K }
  : { tag: K; value: ValueOf<B> };

type EnumValue<V extends Elements> = { [K in keyof V & string]: VariantValue<K, V[K]> }[keyof V & string];

/** An enum, which also makes its values: `Shape.Circle(2)`, and `Shape.Nothing` for a variant without one. */
export type EnumBuilder<V extends Elements> = KeyBuilder<EnumValue<V>> & {
  readonly [K in Exclude<keyof V & string, Step>]: V[K] extends UnitBuilder
    ? VariantValue<K, V[K]>
    : (value: ValueOf<V[K]>) => VariantValue<K, V[K]>;
};

export interface ColumnTypes {
  bool(): KeyBuilder<boolean>;
  /** Unicode; a lone surrogate is refused. */
  string(): KeyBuilder<string>;
  /** The same as `f64`. */
  number(): OrderedBuilder<number>;
  i8(): IntegerBuilder<number>;
  u8(): ByteBuilder;
  i16(): IntegerBuilder<number>;
  u16(): IntegerBuilder<number>;
  i32(): IntegerBuilder<number>;
  u32(): IntegerBuilder<number>;
  i64(): IntegerBuilder<bigint>;
  u64(): IntegerBuilder<bigint>;
  i128(): IntegerBuilder<bigint>;
  u128(): IntegerBuilder<bigint>;
  i256(): IntegerBuilder<bigint>;
  u256(): IntegerBuilder<bigint>;
  f32(): OrderedBuilder<number>;
  f64(): OrderedBuilder<number>;
  byteArray(): PlainBuilder<Uint8Array>;
  /** `{}`; as an enum's variant: one without a value. */
  unit(): UnitBuilder;
  identity(): KeyBuilder<Identity>;
  connectionId(): KeyBuilder<ConnectionId>;
  /** Microseconds since the Unix epoch. */
  timestamp(): KeyBuilder<Timestamp>;
  /** Microseconds. */
  timeDuration(): KeyBuilder<TimeDuration>;
  /** When a row of a scheduled table is due: once, or again and again. */
  scheduleAt(): PlainBuilder<ScheduleAt>;
  uuid(): KeyBuilder<Uuid>;
  /** An array; of `t.u8()`, it is bytes: a `Uint8Array`. */
  array<E extends TypeBuilder<unknown>>(element: E): PlainBuilder<E extends ByteBuilder ? Uint8Array : ValueOf<E>[]>;
  option<E extends TypeBuilder<unknown>>(value: E): PlainBuilder<ValueOf<E> | undefined>;
  result<O extends TypeBuilder<unknown>, E extends TypeBuilder<unknown>>(
    ok: O,
    err: E,
  ): PlainBuilder<{ ok: ValueOf<O> } | { err: ValueOf<E> }>;
  object<E extends Elements>(name: string, fields: E): PlainBuilder<ObjectValue<E>>;
  row<C extends RowObj>(columns: C): RowBuilder<C>;
  row<C extends RowObj>(name: string, columns: C): RowBuilder<C>;
  /** `{tag}` or `{tag, value}`. Variants without a value may be given as a list of names. */
  enum<const K extends string>(name: string, variants: readonly K[]): EnumBuilder<Readonly<Record<K, UnitBuilder>>>;
  enum<V extends Elements>(name: string, variants: V): EnumBuilder<V>;
}

const integer =
  <T>(type: ColumnType): (() => IntegerBuilder<T>) =>
  () =>
    columnBuilder(type);
const float =
  (type: ColumnType): (() => OrderedBuilder<number>) =>
  () =>
    columnBuilder(type);
const key =
  <T>(type: ColumnType): (() => KeyBuilder<T>) =>
  () =>
    columnBuilder(type);

/** Types of columns and parameters: `table({}, { id: t.u64().primaryKey().autoInc(), name: t.string() })`. */
export const t: ColumnTypes = {
  bool: key({ type: 'bool' }),
  string: key({ type: 'string' }),
  number: float({ type: 'f64' }),
  i8: integer({ type: 'i8' }),
  u8: () => columnBuilder({ type: 'u8' }),
  i16: integer({ type: 'i16' }),
  u16: integer({ type: 'u16' }),
  i32: integer({ type: 'i32' }),
  u32: integer({ type: 'u32' }),
  i64: integer({ type: 'i64' }),
  u64: integer({ type: 'u64' }),
  i128: integer({ type: 'i128' }),
  u128: integer({ type: 'u128' }),
  i256: integer({ type: 'i256' }),
  u256: integer({ type: 'u256' }),
  f32: float({ type: 'f32' }),
  f64: float({ type: 'f64' }),
  byteArray: () => columnBuilder({ type: 'bytes' }),
  unit: () => columnBuilder({ type: 'unit' }),
  identity: key({ type: 'identity' }),
  connectionId: key({ type: 'connectionId' }),
  timestamp: key({ type: 'timestamp' }),
  timeDuration: key({ type: 'timeDuration' }),
  scheduleAt: () => columnBuilder({ type: 'scheduleAt' }),
  uuid: key({ type: 'uuid' }),
  array: (element) => {
    const { type, row } = specOf(element, 't.array()');
    return columnBuilder(type.type === 'u8' ? { type: 'bytes' } : { type: 'array', element: type }, row);
  },
  option: (value) => {
    const { type, row } = specOf(value, 't.option()');
    return columnBuilder({ type: 'option', value: type }, row);
  },
  result: (ok, err) =>
    columnBuilder({ type: 'result', ok: specOf(ok, 't.result()').type, err: specOf(err, 't.result()').type }),
  object: (name, fields) => columnBuilder({ type: 'product', name, fields: fieldsOf(fields) }),
  row: rowBuilder,
  enum: enumBuilder,
};

function rowBuilder<C extends RowObj>(columns: C): RowBuilder<C>;
function rowBuilder<C extends RowObj>(name: string, columns: C): RowBuilder<C>;
function rowBuilder<C extends RowObj>(nameOrColumns: string | C, maybeColumns?: C): RowBuilder<C> {
  const [name, columns] =
    typeof nameOrColumns === 'string' ? [nameOrColumns, maybeColumns as C] : [undefined, nameOrColumns];
  const type: ColumnType = { type: 'product', ...(name !== undefined && { name }), fields: fieldsOf(columns) };
  return Object.assign(columnBuilder<TypeBuilder<InferTypeOfRow<C>>>(type, columns), { row: columns });
}

function enumBuilder<const K extends string>(
  name: string,
  variants: readonly K[],
): EnumBuilder<Readonly<Record<K, UnitBuilder>>>;
function enumBuilder<V extends Elements>(name: string, variants: V): EnumBuilder<V>;
function enumBuilder(name: string, given: readonly string[] | Elements): AnyColumn {
  const variants: readonly Variant[] = isList(given)
    ? given.map((variant) => ({ name: variant, type: { type: 'unit' } }))
    : fieldsOf(given);
  const twice = variants.find(
    (variant, position) => variants.findIndex((other) => other.name === variant.name) < position,
  );
  if (twice !== undefined) {
    throw new ForerunError(
      'module-invalid',
      `t.enum('${name}'): the variant '${twice.name}' stands there twice: remove one.`,
    );
  }
  const builder = columnBuilder<AnyColumn>({ type: 'sum', name, variants });
  for (const { name: tag, type } of variants) {
    if (stepNames.has(tag)) continue;
    const value = type.type === 'unit' ? Object.freeze({ tag }) : (value: unknown) => ({ tag, value });
    Object.defineProperty(builder, tag, { value, enumerable: true });
  }
  return builder;
}

function isList(given: readonly string[] | Elements): given is readonly string[] {
  return Array.isArray(given);
}

/** The fields, in the order in which they are written. Throws module-invalid for what is not a type. */
export function fieldsOf(columns: RowObj): Field[] {
  return Object.entries(columns).map(([name, column]) => ({ name, type: specOf(column, `'${name}'`).type }));
}

/** The compiler knows that it is a column; whoever writes JavaScript, or forgets the brackets of `t.u32()`, may not. */
function specOf(column: AnyColumn, place: string): AnyColumn[typeof columnKey] {
  if (isColumn(column)) return column[columnKey];
  throw new ForerunError(
    'module-invalid',
    `${place}: this is not a type: write t.u32(), t.string(), or another type of t.`,
  );
}
