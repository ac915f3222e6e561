/**
 * Any type, and any value of a type, for property tests.
 *
 * Values are what a caller may pass, not only canonical ones: -0, doubles for f32, null for none, objects with the field
 * of a value class but not its class.
 */

import fc from 'fast-check';
import { limits } from '../limits.ts';
import type { ColumnType, PrimitiveTypeName } from '../value/column-type.ts';
import { layoutOf } from './layout.ts';
import { isWrapperName, scheduleAtType, wrappers } from './opaque.ts';

export interface ArbitraryTypeOptions {
  /** Levels of composites around a primitive; 3 unless told. */
  readonly compositesMax?: number;
}

const keyPrimitives: readonly PrimitiveTypeName[] = [
  ...(['bool', 'string', 'bytes', 'i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64', 'i128', 'u128'] as const),
  ...(['i256', 'u256', 'identity', 'connectionId', 'timestamp', 'timeDuration', 'uuid'] as const),
];
const primitives: readonly PrimitiveTypeName[] = [...keyPrimitives, 'f32', 'f64', 'unit', 'scheduleAt'];

/** Names that a careless generator of source or objects would trip over are among them. */
const names = fc.oneof(
  fc.constantFrom(
    'id',
    'x',
    'y',
    'tag',
    'value',
    'length',
    'constructor',
    'toString',
    '__proto__',
    'it\'s "so"',
    '\\',
    '7',
    '\n',
  ),
  fc.string({ maxLength: 4 }),
);

export function arbitraryType({ compositesMax = 3 }: ArbitraryTypeOptions = {}): fc.Arbitrary<ColumnType> {
  const primitive: fc.Arbitrary<ColumnType> = fc.constantFrom(...primitives).map((type) => ({ type }));
  if (compositesMax === 0) return primitive;
  const part = arbitraryType({ compositesMax: compositesMax - 1 });
  const named = fc.record({ name: names, type: part });
  const byName = { maxLength: 5, selector: ({ name }: { name: string }) => name };
  const element = part.filter((type) => layoutOf(type).bytesMin > 0);
  return fc.oneof<fc.Arbitrary<ColumnType>[]>(
    primitive,
    element.map((element) => ({ type: 'array', element })),
    part.map((value) => ({ type: 'option', value })),
    fc.tuple(part, part).map(([ok, err]) => ({ type: 'result', ok, err })),
    fc.uniqueArray(named, byName).map((fields) => ({ type: 'product', fields })),
    fc.uniqueArray(named, { ...byName, minLength: 1 }).map((variants) => ({ type: 'sum', variants })),
  );
}

/** A type whose values can be keys. */
export function arbitraryKeyType(): fc.Arbitrary<ColumnType> {
  const tags = fc.uniqueArray(names, { minLength: 1, maxLength: 4 });
  const primitive = fc.constantFrom(...keyPrimitives).map((type): ColumnType => ({ type }));
  const variants = tags.map((tags) => tags.map((name) => ({ name, type: { type: 'unit' as const } })));
  return fc.oneof(
    { weight: 4, arbitrary: primitive },
    { weight: 1, arbitrary: variants.map((variants): ColumnType => ({ type: 'sum', variants })) },
  );
}

export function arbitraryValue(type: ColumnType): fc.Arbitrary<unknown> {
  switch (type.type) {
    case 'array':
      return fc.array(arbitraryValue(type.element), { maxLength: 4 });
    case 'option':
      return fc.oneof(fc.constant(undefined), fc.constant(null), arbitraryValue(type.value));
    case 'result':
      return fc.oneof(fc.record({ ok: arbitraryValue(type.ok) }), fc.record({ err: arbitraryValue(type.err) }));
    case 'product':
      return fc
        .tuple(...type.fields.map((field) => arbitraryValue(field.type)))
        .map((values) => Object.fromEntries(type.fields.map((field, i) => [field.name, values[i]])));
    case 'sum':
      return fc.oneof(
        ...type.variants.map(({ name, type }) =>
          type.type === 'unit'
            ? fc.constant({ tag: name })
            : fc.record({ tag: fc.constant(name), value: arbitraryValue(type) }),
        ),
      );
    default:
      return arbitraryPrimitive(type.type);
  }
}

function arbitraryPrimitive(name: PrimitiveTypeName): fc.Arbitrary<unknown> {
  if (isWrapperName(name)) {
    const wrapper = wrappers[name];
    const inner = integer(wrapper.inner);
    return fc.oneof(
      inner.map((value) => new wrapper.class(value)),
      inner.map((value) => ({ [wrapper.field]: value })),
    );
  }
  switch (name) {
    case 'unit':
      return fc.constant({});
    case 'bool':
      return fc.boolean();
    case 'string':
      return text();
    case 'bytes':
      return fc.uint8Array({ maxLength: 50 });
    case 'f32':
    case 'f64':
      return fc.oneof(fc.double(), fc.constantFrom(-0, 0, Number.NaN, 1.5, 2 ** 53, Number.MAX_VALUE));
    case 'scheduleAt':
      return arbitraryValue(scheduleAtType);
    case 'i64':
    case 'u64':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      return integer(name);
    default:
      return integer(name).map(Number);
  }
}

/** Strings of every kind: short and long ASCII, all code points, those around the surrogates. */
function text(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom('a', '\0', '\ufeff', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
      maxLength: 3,
    }),
  );
}

function integer(name: string): fc.Arbitrary<bigint> {
  const bits = BigInt(name.slice(1));
  const [min, max] = name.startsWith('i') ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  return fc.oneof(fc.bigInt({ min, max }), fc.bigInt({ min: min < 0n ? -3n : 0n, max: 3n }), fc.constantFrom(min, max));
}

/** Bytes with which a decoder might be attacked: anything, with a taste for small numbers and large counts. */
export function arbitraryBytes(): fc.Arbitrary<Uint8Array> {
  const byte = fc.oneof(fc.constantFrom(0, 1, 2, 4, 0x7f, 0xff), fc.nat(255));
  const chunk = fc.oneof(fc.array(byte, { maxLength: 6 }), fc.constant([limits.valueElementsMax >>> 24, 0, 0, 1]));
  return fc.array(chunk, { maxLength: 12 }).map((chunks) => Uint8Array.from(chunks.flat()));
}
