/**
 * Values in JSON as people and scripts write them: numbers for 64-bit integers, ISO times, `"Red"` for a variant without
 * a value. What fits no reading is left as it is, for the check of the arguments to name the place and what belongs there.
 */

import { fromHex } from '../../core/engine/json-value.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { ForerunError } from '../../core/errors.ts';
import type { ColumnType, ProductType } from '../../core/value/column-type.ts';
import { ConnectionId } from '../../core/value/connection-id.ts';
import { Identity } from '../../core/value/identity.ts';
import { TimeDuration } from '../../core/value/time-duration.ts';
import { Timestamp } from '../../core/value/timestamp.ts';
import { Uuid } from '../../core/value/uuid.ts';

type Fields = { readonly [name: string]: unknown };

/** A reducer's arguments: an array in the order of its parameters, or an object by their names. Throws `args-invalid`. */
export function argsFromJson(reducer: string, params: ProductType, json: unknown): unknown {
  const names = params.fields.map(({ name }) => name);
  const takes = names.length === 0 ? 'no arguments' : names.join(', ');
  if (Array.isArray(json)) {
    if (json.length > names.length)
      throw new ForerunError('args-invalid', `${reducer}: takes ${takes}, and got ${json.length} arguments.`);
    return Object.fromEntries(params.fields.map(({ name, type }, at) => [name, valueFromJson(type, json[at])]));
  }
  const unknown = isFields(json) ? Object.keys(json).find((name) => !names.includes(name)) : undefined;
  if (unknown !== undefined)
    throw new ForerunError('args-invalid', `${reducer}: has no parameter '${unknown}'; it takes ${takes}.`);
  return valueFromJson(params, json);
}

export function valueFromJson(type: ColumnType, json: unknown): unknown {
  switch (type.type) {
    case 'i64':
    case 'u64':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      return integer(json) ?? json;
    case 'f32':
    case 'f64':
      return json === 'NaN' || json === 'Infinity' || json === '-Infinity' ? Number(json) : json;
    case 'bytes':
      return bytes(json) ?? json;
    case 'identity':
      return attempt(json, (text) => new Identity(text));
    case 'connectionId':
      return attempt(json, (text) => ConnectionId.fromString(text));
    case 'uuid':
      return attempt(json, (text) => Uuid.parse(text));
    case 'timestamp':
      return timestamp(json) ?? json;
    case 'timeDuration': {
      const micros = integer(json);
      return micros === undefined ? json : new TimeDuration(micros);
    }
    case 'array':
      return Array.isArray(json) ? json.map((element) => valueFromJson(type.element, element)) : json;
    case 'option':
      return json === null || json === undefined ? undefined : valueFromJson(type.value, json);
    case 'product': {
      if (!isFields(json)) return json;
      const types = new Map(type.fields.map((field) => [field.name, field.type]));
      return Object.fromEntries(
        Object.entries(json).map(([name, value]) => {
          const field = types.get(name);
          return [name, field === undefined ? value : valueFromJson(field, value)];
        }),
      );
    }
    case 'scheduleAt':
      return variant(json, (tag) => (({ Time: 'timestamp', Interval: 'timeDuration' }) as const)[tag as 'Time']);
    case 'sum': {
      const found = type.variants.find(({ name }) => name === json);
      if (found !== undefined) return { tag: found.name };
      return variant(json, (tag) => type.variants.find(({ name }) => name === tag)?.type);
    }
    default:
      return json;
  }
}

/** `{ "tag": "Name", "value": … }`, or shorter `{ "Name": … }`. */
function variant(json: unknown, typeOf: (tag: string) => ColumnType | ColumnType['type'] | undefined): unknown {
  if (!isFields(json)) return json;
  const [only, ...others] = Object.entries(json);
  const [tag, value] = 'tag' in json ? [json['tag'], json['value']] : others.length === 0 ? (only ?? []) : [];
  const type = typeof tag === 'string' ? typeOf(tag) : undefined;
  if (type === undefined) return json;
  // Named types are those of times, which have nothing but their name.
  return { tag, value: valueFromJson(typeof type === 'string' ? ({ type } as ColumnType) : type, value) };
}

function integer(json: unknown): bigint | undefined {
  if (typeof json === 'number' && Number.isSafeInteger(json)) return BigInt(json);
  return typeof json === 'string' && /^-?\d+$/.test(json) ? BigInt(json) : undefined;
}

function timestamp(json: unknown): Timestamp | undefined {
  const micros = integer(json);
  if (micros !== undefined) return new Timestamp(micros);
  const ms = typeof json === 'string' ? Date.parse(json) : Number.NaN;
  return Number.isNaN(ms) ? undefined : new Timestamp(BigInt(ms) * 1000n);
}

function bytes(json: unknown): Uint8Array | undefined {
  if (typeof json === 'string' && /^(0x)?([0-9a-f]{2})*$/i.test(json)) return fromHex(json.replace(/^0x/, ''));
  return undefined;
}

function attempt(json: unknown, parse: (text: string) => unknown): unknown {
  try {
    return typeof json === 'string' ? parse(json) : json;
  } catch {
    return json;
  }
}

function isFields(json: unknown): json is Fields {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** As rows of a result are told: integers that JSON numbers can't hold as text, bytes as hex. */
export function sqlToJson(value: SqlValue): string | number | null {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
