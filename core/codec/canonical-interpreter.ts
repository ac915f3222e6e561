/**
 * The checks of `canonical.ts`, which says what they make of a value, as they are without generated code: where a content
 * security policy forbids it, in pages, and wherever the message of a refusal is wanted.
 */

import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { ColumnType, PrimitiveTypeName, ProductType } from '../value/column-type.ts';
import type { ProductValue } from './bsatn.ts';
import { canonicalFloat } from './byte-writer.ts';
import { Mismatch, mismatch } from './mismatch.ts';
import { scheduleAtType, unwrap, type Wrapper, wrappers } from './opaque.ts';

/** Throws a ForerunError with this code. */
export function canonicalAt(type: ProductType, value: unknown, place: CanonicalPlace): ProductValue;
export function canonicalAt(type: ColumnType, value: unknown, place: CanonicalPlace): unknown;
export function canonicalAt(type: ColumnType, value: unknown, { path, code }: CanonicalPlace): unknown {
  try {
    return canonicalValue(type, value);
  } catch (error) {
    if (error instanceof Mismatch) throw new ForerunError(code, error.message(path), { detail: path });
    throw error;
  }
}

interface CanonicalPlace {
  /** Names the value in messages. */
  readonly path: string;
  readonly code: 'row-invalid' | 'args-invalid';
}

function canonicalValue(type: ColumnType, value: unknown): unknown {
  switch (type.type) {
    case 'array':
      if (!Array.isArray(value)) throw mismatch(type, value);
      if (value.length > limits.valueElementsMax) throw tooLong(value.length);
      return Array.from(value, (element, index) => part(type.element, element, `[${index}]`));
    case 'option':
      return value === undefined || value === null ? undefined : canonicalValue(type.value, value);
    case 'result': {
      if (!isObject(value) || 'ok' in value === 'err' in value) throw mismatch(type, value);
      return 'ok' in value ? { ok: part(type.ok, value.ok, '.ok') } : { err: part(type.err, value.err, '.err') };
    }
    case 'product':
      if (!isObject(value)) throw mismatch(type, value);
      // Through entries, so that a field may be called __proto__.
      return Object.fromEntries(type.fields.map(({ name, type }) => [name, part(type, value[name], `.${name}`)]));
    case 'sum': {
      if (!isObject(value)) throw mismatch(type, value);
      const { tag } = value;
      const variant = type.variants.find(({ name }) => name === tag);
      if (variant === undefined) throw mismatch(type, tag).within('.tag');
      if (variant.type.type === 'unit') return { tag };
      return { tag, value: part(variant.type, value.value, '.value') };
    }
    case 'scheduleAt':
      if (!isObject(value)) throw mismatch(type, value);
      return canonicalValue(scheduleAtType, value);
    default:
      return canonicalPrimitive(type.type, value);
  }
}

function part(type: ColumnType, value: unknown, step: string): unknown {
  try {
    return canonicalValue(type, value);
  } catch (error) {
    throw error instanceof Mismatch ? error.within(step) : error;
  }
}

function canonicalPrimitive(name: Exclude<PrimitiveTypeName, 'scheduleAt'>, value: unknown): unknown {
  switch (name) {
    case 'unit':
      if (value !== undefined && !isObject(value)) break;
      return {};
    case 'bool':
      if (typeof value !== 'boolean') break;
      return value;
    case 'string':
      if (typeof value !== 'string') break;
      checkText(value);
      return value;
    case 'bytes':
      return canonicalBytes(value);
    case 'f32':
      if (typeof value !== 'number') break;
      return canonicalFloat(Math.fround(value));
    case 'f64':
      if (typeof value !== 'number') break;
      return canonicalFloat(value);
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
    case 'i32':
    case 'u32': {
      if (typeof value !== 'number' || !Number.isInteger(value)) break;
      const bits = Number(name.slice(1));
      const [min, end] = name.startsWith('i') ? [-(2 ** (bits - 1)), 2 ** (bits - 1)] : [0, 2 ** bits];
      if (value < min || value >= end) break;
      return value + 0;
    }
    case 'i64':
    case 'u64':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256': {
      if (typeof value !== 'bigint') break;
      const bits = Number(name.slice(1));
      if (value !== (name.startsWith('i') ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value))) break;
      return value;
    }
    case 'identity':
    case 'connectionId':
    case 'timestamp':
    case 'timeDuration':
    case 'uuid':
      return value instanceof wrappers[name].class ? value : rewrap(wrappers[name], value);
  }
  throw mismatch({ type: name }, value);
}

/** Makes an instance of our class out of one of another copy, or of what is left of one after `postMessage`. */
export function rewrap(wrapper: Wrapper, value: unknown): object {
  const inner = unwrap(wrapper, value);
  if (inner === undefined || canonicalInner(wrapper, inner) === undefined)
    throw mismatch({ type: wrapper.name }, value);
  return new wrapper.class(inner);
}

function canonicalInner(wrapper: Wrapper, inner: bigint): unknown {
  try {
    return canonicalPrimitive(wrapper.inner, inner);
  } catch {
    return undefined;
  }
}

/** A plain copy. Known by its tag rather than its class: an array of another realm is one, a `Buffer` too. */
export function canonicalBytes(value: unknown): Uint8Array<ArrayBuffer> {
  if (!isUint8Array(value)) throw mismatch({ type: 'bytes' }, value);
  if (value.length > limits.valueElementsMax) throw tooLong(value.length);
  return new Uint8Array(value);
}

function isUint8Array(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Reflect.get(value, Symbol.toStringTag) === 'Uint8Array';
}

function checkText(text: string): void {
  if (isText(text)) return;
  if (text.isWellFormed()) throw tooLong(text.length);
  throw new Mismatch('expected string, got one with a lone surrogate; use text.toWellFormed()');
}

/** Whether a string can be written as UTF-8, and read again within the limit. */
export function isText(text: string): boolean {
  return (
    text.isWellFormed() && (text.length * 3 <= limits.valueElementsMax || utf8Length(text) <= limits.valueElementsMax)
  );
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) length++;
    // Half of a pair counts two of its four bytes.
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) length++;
  }
  return length;
}

function tooLong(length: number): Mismatch {
  return new Mismatch(`length ${length} is beyond the limit of ${limits.valueElementsMax}: split it over several rows`);
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
