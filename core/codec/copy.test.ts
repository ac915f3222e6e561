import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../value/column-type.ts';
import { Identity } from '../value/identity.ts';
import { ScheduleAt } from '../value/schedule-at.ts';
import { type Copy, compileCopy, interpretCopy } from './copy.ts';
import { changeable, rendered } from './rendered.testing.ts';

const u8: ColumnType = { type: 'u8' };
const point: ColumnType = {
  type: 'product',
  fields: [
    { name: 'x', type: u8 },
    { name: '__proto__', type: u8 },
  ],
};

describe.each<[string, (type: ColumnType) => Copy]>([
  ['compiled', compileCopy],
  ['interpreted', interpretCopy],
])('a copy (%s)', (_, copyFor) => {
  it.each<[ColumnType, unknown]>([
    [point, JSON.parse('{"x": 1, "__proto__": 2}')],
    [{ type: 'array', element: u8 }, [1, 2]],
    [{ type: 'array', element: { type: 'bytes' } }, [Uint8Array.of(1)]],
    [{ type: 'option', value: point }, JSON.parse('{"x": 1, "__proto__": 2}')],
    [{ type: 'result', ok: u8, err: { type: 'array', element: u8 } }, { err: [1] }],
    [{ type: 'result', ok: u8, err: u8 }, { ok: 1 }],
    [
      {
        type: 'sum',
        variants: [
          { name: 'A', type: { type: 'unit' } },
          { name: 'B', type: { type: 'bytes' } },
        ],
      },
      { tag: 'B', value: Uint8Array.of(1) },
    ],
    [{ type: 'sum', variants: [{ name: 'A', type: { type: 'unit' } }] }, { tag: 'A' }],
    [{ type: 'scheduleAt' }, ScheduleAt.time(5n)],
    [{ type: 'bytes' }, Uint8Array.of(1, 2)],
    [{ type: 'unit' }, {}],
  ])('of %j %o is equal and shares nothing that could be changed', (type, value) => {
    const copy = copyFor(type)(value);
    expect(rendered(copy)).toBe(rendered(value));
    const objects = changeable(value);
    expect(objects.length).toBeGreaterThan(0);
    for (const part of changeable(copy)) expect(objects).not.toContain(part);
  });

  it('is the value itself where that cannot be changed', () => {
    const identity = new Identity(5n);
    expect(copyFor({ type: 'identity' })(identity)).toBe(identity);
    expect(copyFor({ type: 'option', value: { type: 'identity' } })(identity)).toBe(identity);
    expect(
      copyFor({ type: 'product', fields: [{ name: 'id', type: { type: 'identity' } }] })({ id: identity }).id,
    ).toBe(identity);
    expect(copyFor({ type: 'option', value: point })(undefined)).toBeUndefined();
  });
});
