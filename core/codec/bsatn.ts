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

import { assert } from '../assert.ts';
import type { ColumnType, PrimitiveTypeName, ProductType } from '../value/column-type.ts';
import { generateDecode, generateEncode } from './bsatn-source.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { layoutOf } from './layout.ts';
import { scheduleAtType, unwrap, wrappers } from './opaque.ts';
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

/** The same without generated code, and slower. Throws `module-invalid` for types that can't be encoded. */
export function interpretCodec(type: ProductType): Codec<ProductValue>;
export function interpretCodec(type: ColumnType): Codec;
export function interpretCodec(type: ColumnType): Codec {
  return {
    ...layoutOf(type),
    encode: (writer, value) => encodeValue(type, writer, value),
    decode: (reader) => decodeValue(type, reader),
  };
}

/** Casts here and below rest on the law above: `encode` is given canonical values. */
function encodeValue(type: ColumnType, writer: ByteWriter, value: unknown): void {
  switch (type.type) {
    case 'array': {
      const elements = value as readonly unknown[];
      writer.u32(elements.length);
      for (const element of elements) encodeValue(type.element, writer, element);
      return;
    }
    case 'option':
      writer.u8(value === undefined ? 1 : 0);
      if (value !== undefined) encodeValue(type.value, writer, value);
      return;
    case 'result': {
      const result = value as { ok: unknown } | { err: unknown };
      writer.u8('ok' in result ? 0 : 1);
      if ('ok' in result) encodeValue(type.ok, writer, result.ok);
      else encodeValue(type.err, writer, result.err);
      return;
    }
    case 'product': {
      const product = value as ProductValue;
      for (const field of type.fields) encodeValue(field.type, writer, product[field.name]);
      return;
    }
    case 'sum': {
      const { tag, value: payload } = value as { tag: string; value?: unknown };
      const index = type.variants.findIndex((variant) => variant.name === tag);
      const variant = type.variants[index];
      assert(variant !== undefined, `the type has the variant ${tag}`);
      writer.u8(index);
      encodeValue(variant.type, writer, payload);
      return;
    }
    default:
      encodePrimitive(type.type, writer, value);
  }
}

function encodePrimitive(name: PrimitiveTypeName, writer: ByteWriter, value: unknown): void {
  switch (name) {
    case 'unit':
      return;
    case 'bool':
      return writer.bool(value as boolean);
    case 'string':
      return writer.string(value as string);
    case 'bytes':
      return writer.byteArray(value as Uint8Array);
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
    case 'i32':
    case 'u32':
    case 'f32':
    case 'f64':
      return writer[name](value as number);
    case 'i64':
    case 'u64':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      return writer[name](value as bigint);
    case 'identity':
    case 'connectionId':
    case 'timestamp':
    case 'timeDuration':
    case 'uuid':
      return writer[wrappers[name].inner](unwrap(wrappers[name], value) as bigint);
    case 'scheduleAt':
      return encodeValue(scheduleAtType, writer, value);
  }
}

function decodeValue(type: ColumnType, reader: ByteReader): unknown {
  switch (type.type) {
    case 'array': {
      const count = reader.elements(1);
      const elements: unknown[] = [];
      while (elements.length < count) elements.push(decodeValue(type.element, reader));
      return elements;
    }
    case 'option':
      return reader.variant(2) === 0 ? decodeValue(type.value, reader) : undefined;
    case 'result':
      return reader.variant(2) === 0 ? { ok: decodeValue(type.ok, reader) } : { err: decodeValue(type.err, reader) };
    case 'product':
      // Through entries, so that a field may be called __proto__.
      return Object.fromEntries(type.fields.map((field) => [field.name, decodeValue(field.type, reader)]));
    case 'sum': {
      const variant = type.variants[reader.variant(type.variants.length)];
      assert(variant !== undefined, 'the reader checked the tag');
      if (variant.type.type === 'unit') return { tag: variant.name };
      return { tag: variant.name, value: decodeValue(variant.type, reader) };
    }
    default:
      return decodePrimitive(type.type, reader);
  }
}

function decodePrimitive(name: PrimitiveTypeName, reader: ByteReader): unknown {
  switch (name) {
    case 'unit':
      return {};
    case 'bytes':
      return reader.byteArray();
    case 'identity':
    case 'connectionId':
    case 'timestamp':
    case 'timeDuration':
    case 'uuid':
      return new wrappers[name].class(reader[wrappers[name].inner]());
    case 'scheduleAt':
      return decodeValue(scheduleAtType, reader);
    default:
      return reader[name]();
  }
}
