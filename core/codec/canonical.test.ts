import { describe, expect, expectTypeOf, it } from 'vitest';
import { limits } from '../limits.ts';
import type { ColumnType, ProductType } from '../value/column-type.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { ScheduleAt } from '../value/schedule-at.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';
import type { ProductValue } from './bsatn.ts';
import { type Canonical, compileCanonical, interpretCanonical } from './canonical.ts';
import { rendered } from './rendered.testing.ts';

const u8: ColumnType = { type: 'u8' };
const f64: ColumnType = { type: 'f64' };
const point: ProductType = {
  type: 'product',
  fields: [
    { name: 'x', type: f64 },
    { name: 'y', type: f64 },
  ],
};
const state: ColumnType = {
  type: 'sum',
  variants: [
    { name: 'Idle', type: { type: 'unit' } },
    { name: 'At', type: point },
  ],
};
const result: ColumnType = { type: 'result', ok: u8, err: { type: 'string' } };

describe.each<[string, (type: ColumnType) => Canonical]>([
  ['compiled', (type) => compileCanonical(type, 'row-invalid')],
  ['interpreted', (type) => interpretCanonical(type, 'row-invalid')],
])('a value made canonical (%s)', (_, checkFor) => {
  const canonical = (type: ColumnType, value: unknown) => checkFor(type)(value, 'player');

  it('[VAL-2] has the declared fields in declared order, and no others', () => {
    expect(rendered(canonical(point, { y: 2, z: 3, x: 1 }))).toBe(rendered({ x: 1, y: 2 }));
    expect(rendered(canonical(point, Object.assign(Object.create({ x: 1 }), { y: 2 })))).toBe(rendered({ x: 1, y: 2 }));
  });

  it('[VAL-2] shares nothing with the one given that could be changed', () => {
    const type: ColumnType = {
      type: 'product',
      fields: [
        { name: 'point', type: point },
        { name: 'points', type: { type: 'array', element: point } },
        { name: 'bytes', type: { type: 'bytes' } },
        { name: 'state', type: state },
        { name: 'result', type: result },
        { name: 'at', type: { type: 'scheduleAt' } },
      ],
    };
    const given = {
      point: { x: 1, y: 2 },
      points: [{ x: 1, y: 2 }],
      bytes: Uint8Array.of(1),
      state: { tag: 'At', value: { x: 1, y: 2 } },
      result: { ok: 1 },
      at: { ...ScheduleAt.interval(5n) },
    };
    const kept = canonical(type, given);
    const before = rendered(kept);
    given.point.x = given.bytes[0] = given.state.value.x = given.result.ok = 9;
    given.points.push({ x: 9, y: 9 });
    (given.points[0] as { x: number }).x = 9;
    given.at.value = new TimeDuration(9n);
    expect(rendered(kept)).toBe(before);
  });

  it('[VAL-3] has no -0, one NaN, and f32 as precise as they are', () => {
    for (const type of ['f32', 'f64', 'i8', 'i32', 'u32'] as const) expect(canonical({ type }, -0)).toBe(0);
    expect(canonical(f64, Number.NaN)).toBeNaN();
    expect(canonical({ type: 'f32' }, 0.1)).toBe(Math.fround(0.1));
    expect(canonical(f64, 0.1)).toBe(0.1);
  });

  it('[VAL-5] has undefined for none, given null or nothing', () => {
    const type: ColumnType = { type: 'product', fields: [{ name: 'a', type: { type: 'option', value: u8 } }] };
    for (const given of [{ a: null }, { a: undefined }, {}])
      expect(rendered(canonical(type, given))).toBe(rendered({ a: undefined }));
    expect(canonical(type, { a: 5 })).toEqual({ a: 5 });
  });

  it('has a variant without payload as its tag alone', () => {
    expect(rendered(canonical(state, { tag: 'Idle', value: {} }))).toBe(rendered({ tag: 'Idle' }));
  });

  it('has instances of our classes, given those of another copy or what postMessage leaves of them', () => {
    const given: [ColumnType, object, object][] = [
      [{ type: 'identity' }, { __identity__: 5n }, new Identity(5n)],
      [{ type: 'connectionId' }, { __connection_id__: 5n }, new ConnectionId(5n)],
      [{ type: 'timestamp' }, { __timestamp_micros_since_unix_epoch__: 5n }, new Timestamp(5n)],
      [{ type: 'timeDuration' }, structuredClone(new TimeDuration(5n)), new TimeDuration(5n)],
      [{ type: 'uuid' }, structuredClone(new Uuid(5n)), new Uuid(5n)],
    ];
    for (const [type, bare, instance] of given) {
      expect(canonical(type, bare)).toStrictEqual(instance);
      expect(canonical(type, instance)).toBe(instance);
    }
    expect(canonical({ type: 'scheduleAt' }, structuredClone(ScheduleAt.time(5n)))).toStrictEqual(ScheduleAt.time(5n));
  });

  it('has a plain Uint8Array, given any kind of one', () => {
    expect(canonical({ type: 'bytes' }, Buffer.from([1, 2]))).toStrictEqual(Uint8Array.of(1, 2));
  });

  it.each(['i8', 'u8', 'i16', 'u16', 'i32', 'u32'] as const)('of %s is within its range, and whole', (type) => {
    const bits = Number(type.slice(1));
    const [min, max] = type.startsWith('i') ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
    for (const value of [min, max, 0, 1]) expect(canonical({ type }, value)).toBe(value);
    for (const value of [min - 1, max + 1, 0.5, Number.NaN, Infinity, 2 ** 53, '1', 1n, true, [1]]) {
      expect(() => canonical({ type }, value)).toThrow(`player: expected ${type} (${min} to ${max}), got`);
    }
  });

  it.each(['i64', 'u64', 'i128', 'u128', 'i256', 'u256'] as const)('of %s is a bigint within its range', (type) => {
    const bits = BigInt(type.slice(1));
    const [min, max] = type.startsWith('i')
      ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
      : [0n, (1n << bits) - 1n];
    for (const value of [min, max, 0n]) expect(canonical({ type }, value)).toBe(value);
    for (const value of [min - 1n, max + 1n])
      expect(() => canonical({ type }, value)).toThrow(`player: expected ${type}, got bigint`);
    expect(() => canonical({ type }, 7)).toThrow(`player: expected ${type}, got number 7; write 7n`);
    expect(() => canonical({ type }, '7')).toThrow(`player: expected ${type}, got string "7"`);
  });

  it.each<[ColumnType, unknown, string]>([
    [point, { x: 'a', y: 1 }, 'player.x: expected f64, got string "a"'],
    [point, { x: 1 }, 'player.y: expected f64, got undefined'],
    [point, { x: 1, y: 5n }, 'player.y: expected f64, got bigint 5n; use Number(value)'],
    [point, null, 'player: expected object {x, y}, got null'],
    [
      { type: 'array', element: point },
      [
        { x: 1, y: 2 },
        { x: 1, y: [] },
      ],
      'player[1].y: expected f64, got array of 0',
    ],
    [{ type: 'array', element: u8 }, { length: 0 }, 'player: expected array of u8 (0 to 255), got object {length}'],
    [{ type: 'array', element: u8 }, new Array(1), 'player[0]: expected u8 (0 to 255), got undefined'],
    [state, { tag: 'Gone' }, `player.tag: expected object {tag} with tag "Idle", "At", got string "Gone"`],
    [state, { tag: 'At', value: { x: 1, y: 'b' } }, 'player.value.y: expected f64, got string "b"'],
    [state, 'Idle', 'player: expected object {tag} with tag "Idle", "At", got string "Idle"'],
    [result, { ok: 'a' }, 'player.ok: expected u8 (0 to 255), got string "a"'],
    [result, { err: 1 }, 'player.err: expected string, got number 1'],
    [result, { ok: 1, err: '' }, 'player: expected either {ok} or {err}, got object {ok, err}'],
    [result, {}, 'player: expected either {ok} or {err}, got object {}'],
    [{ type: 'option', value: u8 }, 'a', 'player: expected u8 (0 to 255), got string "a"'],
    [{ type: 'bool' }, 1, 'player: expected boolean, got number 1'],
    [{ type: 'string' }, 1, 'player: expected string, got number 1'],
    [{ type: 'string' }, 'a\ud800', 'player: expected string, got one with a lone surrogate; use text.toWellFormed()'],
    [{ type: 'bytes' }, [1], 'player: expected Uint8Array, got array of 1; use Uint8Array.from(array)'],
    [{ type: 'bytes' }, new Uint16Array(1), 'player: expected Uint8Array, got object of class Uint16Array'],
    [{ type: 'identity' }, 'c200', 'player: expected Identity, got string "c200"; use Identity.fromString(hex)'],
    [{ type: 'identity' }, { __identity__: -1n }, 'player: expected Identity, got object {__identity__}'],
    [
      { type: 'timestamp' },
      new Date(0),
      'player: expected Timestamp, got object of class Date; use Timestamp.fromDate(date)',
    ],
    [{ type: 'scheduleAt' }, 5n, 'player: expected ScheduleAt, got bigint 5n; use ScheduleAt.interval(micros)'],
    [
      { type: 'scheduleAt' },
      { tag: 'Time', value: new TimeDuration(5n) },
      'player.value: expected Timestamp, got object of class TimeDuration',
    ],
    [{ type: 'unit' }, 5, 'player: expected object {}, got number 5'],
    [f64, 'a'.repeat(1000), `player: expected f64, got string "${'a'.repeat(40)}…"`],
    [f64, () => 1, 'player: expected f64, got function'],
    [f64, Symbol('s'), 'player: expected f64, got symbol'],
  ])('[VAL-11] of %j given %o is refused: %s', (type, value, message) => {
    expect(() => canonical(type, value)).toThrow(
      expect.objectContaining({ code: 'row-invalid', message: expect.stringContaining(message) }),
    );
  });

  it('is refused when it is longer than a reader would take', () => {
    const { valueElementsMax } = limits;
    expect(() => canonical({ type: 'bytes' }, new Uint8Array(valueElementsMax + 1))).toThrow('beyond the limit');
    expect(() => canonical({ type: 'array', element: u8 }, new Array(valueElementsMax + 1))).toThrow(
      'beyond the limit',
    );
    const text = '\u00e9'.repeat(valueElementsMax / 2);
    expect(canonical({ type: 'string' }, text)).toBe(text);
    expect(() => canonical({ type: 'string' }, `${text}a`)).toThrow('beyond the limit');
  });

  it('is named by its own path when the whole has no name', () => {
    expect(() => checkFor(point)({ x: 1 }, '')).toThrow(/^y: expected f64/);
    expect(() => checkFor(f64)('a', '')).toThrow(/^expected f64/);
  });

  it('lets an error out of the value itself through', () => {
    const given = {
      x: 1,
      get y() {
        throw new RangeError('mine');
      },
    };
    expect(() => canonical(point, given)).toThrow(new RangeError('mine'));
  });
});

describe('the check', () => {
  it('throws with the code that it was made for', () => {
    const invalid = expect.objectContaining({ code: 'args-invalid' });
    expect(() => compileCanonical(point, 'args-invalid')({}, 'args')).toThrow(invalid);
  });

  it('refuses types that cannot be encoded', () => {
    const invalid = expect.objectContaining({ code: 'module-invalid' });
    expect(() => compileCanonical({ type: 'array', element: { type: 'unit' } }, 'row-invalid')).toThrow(invalid);
  });

  it('of a product gives an object', () => {
    expectTypeOf(compileCanonical(point, 'row-invalid')).returns.toEqualTypeOf<ProductValue>();
  });
});
