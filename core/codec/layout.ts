/**
 * How many bytes a type's values take, and which types are refused before any value is seen.
 *
 * Law: a value takes memory in proportion to its bytes. Hence no arrays of elements that take no bytes (four bytes could
 * announce sixteen million of them), and a bound on nesting.
 */

import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { ColumnType, PrimitiveTypeName } from '../value/column-type.ts';

export interface Layout {
  /** No value takes fewer bytes. */
  readonly bytesMin: number;
  /** Every value takes `bytesMin` bytes. */
  readonly fixed: boolean;
}

/** A tag is one byte. */
const variantsMax = 256;

/** Throws `module-invalid` for a type that can't be encoded. */
export function layoutOf(type: ColumnType): Layout {
  return measure(type, 1, new Map());
}

/** Bytes of a primitive of fixed size; undefined for the others. */
export function primitiveBytes(name: PrimitiveTypeName): number | undefined {
  switch (name) {
    case 'unit':
      return 0;
    case 'bool':
    case 'i8':
    case 'u8':
      return 1;
    case 'i16':
    case 'u16':
      return 2;
    case 'i32':
    case 'u32':
    case 'f32':
      return 4;
    case 'i64':
    case 'u64':
    case 'f64':
    case 'timestamp':
    case 'timeDuration':
      return 8;
    case 'scheduleAt':
      return 9;
    case 'i128':
    case 'u128':
    case 'connectionId':
    case 'uuid':
      return 16;
    case 'i256':
    case 'u256':
    case 'identity':
      return 32;
    case 'string':
    case 'bytes':
      return undefined;
  }
}

/** `known` keeps this linear when one type object is used in many places. */
function measure(type: ColumnType, depth: number, known: Map<ColumnType, { layout: Layout; depth: number }>): Layout {
  if (depth > limits.typeDepthMax) {
    throw new ForerunError(
      'module-invalid',
      `type nested more than ${limits.typeDepthMax} deep: put the inner part into a table of its own`,
    );
  }
  const seen = known.get(type);
  if (seen !== undefined && seen.depth >= depth) return seen.layout;
  const layout = measureOnce(type, (part) => measure(part, depth + 1, known));
  known.set(type, { layout, depth });
  return layout;
}

function measureOnce(type: ColumnType, partLayout: (part: ColumnType) => Layout): Layout {
  switch (type.type) {
    case 'array': {
      if (partLayout(type.element).bytesMin === 0) {
        throw new ForerunError(
          'module-invalid',
          'array of elements without content: it holds only a count, use t.u32()',
        );
      }
      return { bytesMin: 4, fixed: false };
    }
    case 'option':
      return oneOf([partLayout(type.value), nothing]);
    case 'result':
      return oneOf([partLayout(type.ok), partLayout(type.err)]);
    case 'product': {
      const fields = type.fields.map((field) => partLayout(field.type));
      return {
        bytesMin: fields.reduce((sum, field) => sum + field.bytesMin, 0),
        fixed: fields.every((field) => field.fixed),
      };
    }
    case 'sum':
      if (type.variants.length > variantsMax) {
        throw new ForerunError(
          'module-invalid',
          `enum with ${type.variants.length} variants: ${variantsMax} is the limit`,
        );
      }
      return oneOf(type.variants.map((variant) => partLayout(variant.type)));
    default: {
      const bytes = primitiveBytes(type.type);
      return bytes === undefined ? { bytesMin: 4, fixed: false } : { bytesMin: bytes, fixed: true };
    }
  }
}

const nothing: Layout = { bytesMin: 0, fixed: true };

/** A tag byte, then one of these. */
function oneOf(payloads: readonly Layout[]): Layout {
  const bytesMin = payloads.reduce((least, payload) => Math.min(least, payload.bytesMin), Infinity);
  return {
    bytesMin: 1 + (bytesMin === Infinity ? 0 : bytesMin),
    fixed: payloads.every((payload) => payload.fixed && payload.bytesMin === bytesMin),
  };
}
