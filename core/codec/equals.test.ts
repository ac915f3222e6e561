import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../value/column-type.ts';
import { Identity } from '../value/identity.ts';
import { ScheduleAt } from '../value/schedule-at.ts';
import { compileEquals, interpretEquals } from './equals.ts';

const u8: ColumnType = { type: 'u8' };
const f64: ColumnType = { type: 'f64' };
const bytes: ColumnType = { type: 'bytes' };
const result: ColumnType = { type: 'result', ok: u8, err: u8 };
const sum: ColumnType = {
  type: 'sum',
  variants: [
    { name: 'A', type: { type: 'unit' } },
    { name: 'B', type: bytes },
    { name: 'C', type: { type: 'unit' } },
  ],
};
const row: ColumnType = {
  type: 'product',
  fields: [
    { name: 'id', type: { type: 'identity' } },
    { name: 'bytes', type: bytes },
  ],
};

/** Any property of equality over all types is in bsatn.property.test.ts; here are the cases that have a name. */
describe.each<[string, (type: ColumnType) => (a: unknown, b: unknown) => boolean]>([
  ['compiled', compileEquals],
  ['interpreted', interpretEquals],
])('equality (%s)', (_, equalsFor) => {
  it.each<[ColumnType, unknown, unknown]>([
    [f64, Number.NaN, Number.NaN],
    [{ type: 'i64' }, 5n, 5n],
    [bytes, Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    [{ type: 'identity' }, new Identity(5n), { __identity__: 5n }],
    [{ type: 'unit' }, {}, {}],
    [row, { id: new Identity(5n), bytes: Uint8Array.of(1) }, { id: new Identity(5n), bytes: Uint8Array.of(1) }],
    [sum, { tag: 'B', value: Uint8Array.of(1) }, { tag: 'B', value: Uint8Array.of(1) }],
    [sum, { tag: 'A' }, { tag: 'A' }],
    [{ type: 'scheduleAt' }, ScheduleAt.time(5n), ScheduleAt.time(5n)],
    [{ type: 'array', element: f64 }, [1, Number.NaN], [1, Number.NaN]],
    [{ type: 'option', value: f64 }, undefined, undefined],
    [result, { err: 1 }, { err: 1 }],
  ])('of %j: %o is %o', (type, a, b) => {
    expect(equalsFor(type)(a, b)).toBe(true);
  });

  it.each<[ColumnType, unknown, unknown]>([
    [f64, Number.NaN, 0],
    [bytes, Uint8Array.of(1, 2), Uint8Array.of(1)],
    [bytes, Uint8Array.of(1, 2), Uint8Array.of(1, 3)],
    [{ type: 'identity' }, new Identity(5n), new Identity(6n)],
    [row, { id: new Identity(5n), bytes: Uint8Array.of(1) }, { id: new Identity(5n), bytes: Uint8Array.of(2) }],
    [sum, { tag: 'B', value: Uint8Array.of(1) }, { tag: 'B', value: Uint8Array.of(2) }],
    [sum, { tag: 'A' }, { tag: 'C' }],
    [{ type: 'scheduleAt' }, ScheduleAt.time(5n), ScheduleAt.interval(5n)],
    [{ type: 'array', element: f64 }, [1], [1, 2]],
    [{ type: 'array', element: f64 }, [1, 2], [1, 3]],
    [{ type: 'option', value: f64 }, undefined, 0],
    [{ type: 'option', value: f64 }, 0, undefined],
    [result, { err: 1 }, { ok: 1 }],
    [result, { ok: 1 }, { ok: 2 }],
  ])('of %j: %o is not %o', (type, a, b) => {
    expect(equalsFor(type)(a, b)).toBe(false);
  });
});
