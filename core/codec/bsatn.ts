/**
 * BSATN: SpacetimeDB's binary form of values. It says nothing about itself: both sides must know the type.
 *
 *     bool                 u8, 0 or 1
 *     i8 … u256, f32, f64  little-endian, two's complement, IEEE 754
 *     string, bytes        u32 length in bytes, then UTF-8, or the bytes
 *     array                u32 count, then the elements
 *     product              its fields in order, nothing between
 *     sum                  u8 index of the variant, then its value; unit takes no bytes
 *     option               sum of some and none: 00 value, or 01
 *     result               sum of ok and err: 00 value, or 01 value
 *     identity, connectionId, uuid, timestamp, timeDuration
 *                          u256, u128, u128, i64 µs, i64 µs
 *     scheduleAt           sum of interval and time: 00 i64 µs, or 01 i64 µs since the epoch
 *
 * In TypeScript: none is `undefined`, a result is `{ok}` or `{err}`, a variant of a sum `{tag, value}` or, for unit,
 * `{tag}`. `encode` takes canonical values (`canonical.ts` makes and checks them) and trusts them; `decode` trusts
 * nothing, and gives canonical values: NaN has one form, -0 becomes 0.
 */

import type { ColumnType, ProductType } from '../value/column-type.ts';
import { decodeValue, encodeValue } from './bsatn-interpreter.ts';
import { generateDecode, generateEncode } from './bsatn-source.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { layoutOf } from './layout.ts';
import { canGenerateCode } from './source.ts';

export interface Codec<Value = unknown> {
  /** No value takes fewer bytes. */
  readonly bytesMin: number;
  /** Every value takes `bytesMin` bytes. */
  readonly fixed: boolean;
  /** Appends. Throws `row-invalid` for a string with a lone surrogate; the writer's content is then incomplete. */
  encode(writer: ByteWriter, value: Value): void;
  /** Throws `frame-invalid`, naming the byte offset. */
  decode(reader: ByteReader): Value;
}

/** A value of a product type: a row, or the arguments of a call. */
export interface ProductValue {
  readonly [field: string]: unknown;
}

/** One function each way, made for this type. Throws `module-invalid` for types that can't be encoded. */
export function compileCodec(type: ProductType): Codec<ProductValue>;
export function compileCodec(type: ColumnType): Codec;
export function compileCodec(type: ColumnType): Codec {
  if (!canGenerateCode()) return interpretCodec(type);
  return { ...layoutOf(type), encode: generateEncode(type), decode: generateDecode(type) };
}

/** As `compileCodec`, without generated code, and slower. Throws `module-invalid` for types that can't be encoded. */
export function interpretCodec(type: ProductType): Codec<ProductValue>;
export function interpretCodec(type: ColumnType): Codec;
export function interpretCodec(type: ColumnType): Codec {
  return {
    ...layoutOf(type),
    encode: (writer, value) => encodeValue(type, writer, value),
    decode: (reader) => decodeValue(type, reader),
  };
}
