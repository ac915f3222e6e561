import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../value/column-type.ts';
import { Identity } from '../value/identity.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';
import { arbitraryKeyType, arbitraryValue } from './arbitrary.testing.ts';
import { compareKeys, compileCanonical, compileEquals, compileKey, valueOfKey } from './canonical.ts';

const moduleInvalid = expect.objectContaining({ code: 'module-invalid' });

const threeOfAType = arbitraryKeyType().chain((type) => {
  const value = arbitraryValue(type).map((given) => compileCanonical(type, 'row-invalid')(given, ''));
  return fc.record({ type: fc.constant(type), values: fc.tuple(value, value, value) });
});

describe('keys', () => {
  it('[VAL-6] are equal exactly when their values are, and lead back to them', () => {
    fc.assert(
      fc.property(threeOfAType, ({ type, values: [a, b] }) => {
        const [keyOf, equal] = [compileKey(type), compileEquals(type)];
        expect(keyOf(a) === keyOf(b)).toBe(equal(a, b));
        expect(new Map([[keyOf(a), 1]]).has(keyOf(b))).toBe(equal(a, b));
        expect(equal(valueOfKey(type)(keyOf(a)), a)).toBe(true);
      }),
    );
  });

  it('[VAL-7] have one order, in which only equal keys are alike', () => {
    fc.assert(
      fc.property(threeOfAType, ({ type, values }) => {
        const compare = compareKeys(type);
        const [a, b, c] = values.map(compileKey(type)) as [string, string, string];
        expect(compare(a, b) === 0).toBe(a === b);
        expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a))).toBe(0);
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  const sorted = (type: ColumnType, values: readonly unknown[]) => {
    const keyOf = compileKey(type);
    return values.toSorted((a, b) => compareKeys(type)(keyOf(a), keyOf(b)));
  };

  it('of numbers order as numbers', () => {
    expect(sorted({ type: 'i32' }, [10, 9, -1, -10])).toEqual([-10, -1, 9, 10]);
    expect(sorted({ type: 'u64' }, [10n, 2n ** 63n, 9n])).toEqual([9n, 10n, 2n ** 63n]);
    expect(sorted({ type: 'i128' }, [1n << 64n, 9n, 10n, 0n, -1n, -(1n << 127n)])).toEqual([
      -(1n << 127n),
      -1n,
      0n,
      9n,
      10n,
      1n << 64n,
    ]);
    expect(sorted({ type: 'i256' }, [0n, 1n << 254n, -(1n << 254n)])).toEqual([-(1n << 254n), 0n, 1n << 254n]);
  });

  it('of value classes order by their number', () => {
    const identities = [new Identity(16n), new Identity(9n), new Identity(1n << 255n)];
    expect(sorted({ type: 'identity' }, identities).map(String)).toEqual(
      [9n, 16n, 1n << 255n].map((n) => `${new Identity(n)}`),
    );
    const times = [new Timestamp(10n), new Timestamp(-5n), new Timestamp(9n)];
    expect(sorted({ type: 'timestamp' }, times)).toEqual([new Timestamp(-5n), new Timestamp(9n), new Timestamp(10n)]);
    expect(compileKey({ type: 'uuid' })(Uuid.MAX)).toBe('f'.repeat(32));
  });

  it('of bools put false first, of enums follow the type, of bytes the bytes', () => {
    expect(sorted({ type: 'bool' }, [true, false])).toEqual([false, true]);
    const variants = ['Low', 'High', 'Extreme'].map((name) => ({ name, type: { type: 'unit' as const } }));
    expect(
      sorted(
        { type: 'sum', variants },
        variants.toReversed().map(({ name }) => ({ tag: name })),
      ),
    ).toEqual([{ tag: 'Low' }, { tag: 'High' }, { tag: 'Extreme' }]);
    const bytes = [[2], [1, 255], [1], [], [255]].map((list) => Uint8Array.from(list));
    expect(sorted({ type: 'bytes' }, bytes)).toEqual(
      [[], [1], [1, 255], [2], [255]].map((list) => Uint8Array.from(list)),
    );
  });

  it('[VAL-7] of strings order by code point, which is the order of their UTF-8', () => {
    expect(sorted({ type: 'string' }, ['\u{10000}', '\uffff', '\ue000', '\ud7ff', 'b', 'ab', 'a', ''])).toEqual([
      '',
      'a',
      'ab',
      'b',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
    ]);
    const text = arbitraryValue({ type: 'string' }).map(String);
    const utf8 = (value: string) => String.fromCharCode(...new TextEncoder().encode(value));
    fc.assert(
      fc.property(text, text, (a, b) => {
        const expected = utf8(a) < utf8(b) ? -1 : utf8(a) > utf8(b) ? 1 : 0;
        expect(Math.sign(compareKeys({ type: 'string' })(a, b))).toBe(expected);
      }),
    );
  });

  it('of wide numbers are strings: numbers that differ only above 64 bits must not crowd one bucket of a Map', () => {
    expect(compileKey({ type: 'u128' })(1n << 64n)).toBe('00000000000000010000000000000000');
    expect(compileKey({ type: 'i128' })(0n)).toBe('80000000000000000000000000000000');
  });

  it.each<ColumnType>([
    { type: 'f64' },
    { type: 'unit' },
    { type: 'scheduleAt' },
    { type: 'array', element: { type: 'u8' } },
    { type: 'option', value: { type: 'u8' } },
    { type: 'product', fields: [] },
    { type: 'sum', variants: [{ name: 'A', type: { type: 'u8' } }] },
  ])('are refused for %j', (type) => {
    for (const make of [compileKey, compareKeys, valueOfKey]) expect(() => make(type)).toThrow(moduleInvalid);
  });
});
