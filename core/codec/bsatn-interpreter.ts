/**
 * Values and bytes by looking at the type again for every value. `bsatn.ts` says what the bytes are, and makes codecs of
 * this where a content security policy forbids code from text. Pages, which have few values and should be small, load
 * this file alone.
 */

import { assert } from '../assert.ts';
import type { ColumnType, PrimitiveTypeName } from '../value/column-type.ts';
import type { ProductValue } from './bsatn.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { scheduleAtType, unwrap, wrappers } from './opaque.ts';

/** Appends. Casts here and below rest on the law of `bsatn.ts`: `encode` is given canonical values. */
export function encodeValue(type: ColumnType, writer: ByteWriter, value: unknown): void {
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

/** Throws `frame-invalid`. */
export function decodeValue(type: ColumnType, reader: ByteReader): unknown {
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
