/**
 * Composite values as JSON that SQLite's `->>` can read and that loses nothing.
 *
 * Numbers stay numbers where JSON can hold them exactly; what it can't is text: NaN, the infinities, integers beyond
 * 2^53. Identities, connection ids and uuids are their usual text, bytes are hex, timestamps and durations microseconds.
 * A none is null; a some of an option is `{"some": …}`, so that none and some(none) differ. The column's type says how
 * to read each back.
 */

import { unreachable } from '../assert.ts';
import type { ColumnType } from '../value/column-type.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

type Tagged = { readonly tag: string; readonly value?: unknown };
type Fields = { readonly [name: string]: unknown };

/** `value` must be a canonical value of `type`. */
export function toJson(type: ColumnType, value: unknown): Json {
  switch (type.type) {
    case 'bool':
      return value as boolean;
    case 'string':
      return value as string;
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
    case 'i32':
    case 'u32':
      return value as number;
    case 'f32':
    case 'f64':
      return Number.isFinite(value) ? (value as number) : String(value);
    case 'i64':
    case 'u64':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      return integerToJson(value as bigint);
    case 'bytes':
      return toHex(value as Uint8Array);
    case 'unit':
      return {};
    case 'identity':
      return (value as Identity).toHexString();
    case 'connectionId':
      return (value as ConnectionId).toHexString();
    case 'uuid':
      return (value as Uuid).toString();
    case 'timestamp':
      return integerToJson((value as Timestamp).microsSinceUnixEpoch);
    case 'timeDuration':
      return integerToJson((value as TimeDuration).micros);
    case 'scheduleAt': {
      const at = value as Tagged;
      return { tag: at.tag, value: toJson({ type: at.tag === 'Time' ? 'timestamp' : 'timeDuration' }, at.value) };
    }
    case 'array':
      return (value as readonly unknown[]).map((element) => toJson(type.element, element));
    case 'option':
      if (value === undefined) return null;
      return type.value.type === 'option' ? { some: toJson(type.value, value) } : toJson(type.value, value);
    case 'result': {
      const { tag, value: inner } = resultParts(value);
      return { tag, value: toJson(tag === 'ok' ? type.ok : type.err, inner) };
    }
    case 'product':
      // Through entries, so that a field may be called __proto__.
      return Object.fromEntries(
        type.fields.map((field) => [field.name, toJson(field.type, (value as Fields)[field.name])]),
      );
    case 'sum': {
      const { tag, value: inner } = value as Tagged;
      const variant = type.variants.find(({ name }) => name === tag);
      if (variant === undefined || variant.type.type === 'unit') return { tag };
      return { tag, value: toJson(variant.type, inner) };
    }
    default:
      return unreachable(type);
  }
}

/** Reverses `toJson`; `json` must have been made by it from a value of the same type. */
export function fromJson(type: ColumnType, json: Json): unknown {
  switch (type.type) {
    case 'bool':
    case 'string':
      return json;
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
    case 'i32':
    case 'u32':
    case 'f32':
    case 'f64':
      return Number(json);
    case 'i64':
    case 'u64':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      return integerFromJson(json);
    case 'bytes':
      return fromHex(json as string);
    case 'unit':
      return {};
    case 'identity':
      return new Identity(json as string);
    case 'connectionId':
      return ConnectionId.fromString(json as string);
    case 'uuid':
      return Uuid.parse(json as string);
    case 'timestamp':
      return new Timestamp(integerFromJson(json));
    case 'timeDuration':
      return new TimeDuration(integerFromJson(json));
    case 'scheduleAt': {
      const at = json as { tag: string; value: Json };
      return { tag: at.tag, value: fromJson({ type: at.tag === 'Time' ? 'timestamp' : 'timeDuration' }, at.value) };
    }
    case 'array':
      return (json as readonly Json[]).map((element) => fromJson(type.element, element));
    case 'option':
      if (json === null) return undefined;
      return fromJson(type.value, type.value.type === 'option' ? (json as { some: Json }).some : json);
    case 'result': {
      const { tag, value } = json as { tag: 'ok' | 'err'; value: Json };
      return resultOf(tag, fromJson(tag === 'ok' ? type.ok : type.err, value));
    }
    case 'product': {
      const fields = json as { readonly [name: string]: Json };
      return Object.fromEntries(type.fields.map(({ name, type }) => [name, fromJson(type, fields[name] as Json)]));
    }
    case 'sum': {
      const { tag, value } = json as { tag: string; value?: Json };
      const variant = type.variants.find(({ name }) => name === tag);
      if (variant === undefined || variant.type.type === 'unit') return { tag };
      return { tag, value: fromJson(variant.type, value as Json) };
    }
    default:
      return unreachable(type);
  }
}

function resultParts(value: unknown): { tag: 'ok' | 'err'; value: unknown } {
  const result = value as { ok?: unknown; err?: unknown };
  return 'ok' in result ? { tag: 'ok', value: result.ok } : { tag: 'err', value: result.err };
}

function resultOf(tag: 'ok' | 'err', value: unknown): unknown {
  return tag === 'ok' ? { ok: value } : { err: value };
}

function integerToJson(value: bigint): Json {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value.toString();
}

function integerFromJson(json: Json): bigint {
  return BigInt(json as number | string);
}

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}
