import { describe, expect, it } from 'vitest';
import { limits } from '../limits.ts';
import type { ColumnType } from '../value/column-type.ts';
import { layoutOf } from './layout.ts';

const u8: ColumnType = { type: 'u8' };
const unit: ColumnType = { type: 'unit' };
const empty: ColumnType = { type: 'product', fields: [] };
const moduleInvalid = expect.objectContaining({ code: 'module-invalid' });

function nested(depth: number): ColumnType {
  return depth === 1 ? u8 : { type: 'option', value: nested(depth - 1) };
}

describe('the layout of a type', () => {
  it.each<[string, ColumnType, number, boolean]>([
    [
      'a row of fixed fields',
      {
        type: 'product',
        fields: [
          { name: 'a', type: u8 },
          { name: 'b', type: { type: 'i64' } },
        ],
      },
      9,
      true,
    ],
    ['a string', { type: 'string' }, 4, false],
    ['an option', { type: 'option', value: u8 }, 1, false],
    ['an option of unit', { type: 'option', value: unit }, 1, true],
    ['a result of equal sizes', { type: 'result', ok: u8, err: { type: 'bool' } }, 2, true],
    ['a scheduleAt', { type: 'scheduleAt' }, 9, true],
    [
      'an enum',
      {
        type: 'sum',
        variants: [
          { name: 'A', type: { type: 'u32' } },
          { name: 'B', type: u8 },
        ],
      },
      2,
      false,
    ],
    ['an enum without variants', { type: 'sum', variants: [] }, 1, true],
  ])('of %s has its least size and whether it is fixed', (_, type, bytesMin, fixed) => {
    expect(layoutOf(type)).toEqual({ bytesMin, fixed });
  });

  it('is refused for arrays of elements that take no bytes: a few bytes could announce millions', () => {
    for (const element of [unit, empty, { type: 'product', fields: [{ name: 'u', type: unit }] } as ColumnType]) {
      expect(() => layoutOf({ type: 'array', element })).toThrow(moduleInvalid);
    }
  });

  it('[VAL-12] is refused for types nested too deep', () => {
    expect(layoutOf(nested(limits.typeDepthMax)).bytesMin).toBe(1);
    expect(() => layoutOf(nested(limits.typeDepthMax + 1))).toThrow(moduleInvalid);
  });

  it('[VAL-12] is refused for a type that contains itself', () => {
    const fields: { name: string; type: ColumnType }[] = [];
    const endless: ColumnType = { type: 'product', fields };
    fields.push({ name: 'again', type: endless });
    expect(() => layoutOf(endless)).toThrow(moduleInvalid);
  });

  it('is found at once when the same type object is used again and again', () => {
    let type: ColumnType = u8;
    for (let depth = 2; depth <= limits.typeDepthMax; depth++)
      type = {
        type: 'product',
        fields: [
          { name: 'a', type },
          { name: 'b', type },
        ],
      };
    expect(layoutOf(type).bytesMin).toBe(2 ** (limits.typeDepthMax - 1));
  });

  it('is refused for enums with more variants than a tag can tell apart', () => {
    const variants = Array.from({ length: 257 }, (_, i) => ({ name: `V${i}`, type: unit }));
    expect(() => layoutOf({ type: 'sum', variants })).toThrow(moduleInvalid);
    expect(layoutOf({ type: 'sum', variants: variants.slice(1) })).toEqual({ bytesMin: 1, fixed: true });
  });
});
