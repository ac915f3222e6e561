import { describe, expect, it } from 'vitest';
import type { AnyColumn } from './column-builder.ts';
import { columnKey } from './column-key.ts';
import { t } from './column.ts';

const typeOf = (column: AnyColumn) => column[columnKey].type;

describe('a type', () => {
  it('is plain data with the name it has on t', () => {
    const names = [
      ...([
        'bool',
        'string',
        'unit',
        'identity',
        'connectionId',
        'timestamp',
        'timeDuration',
        'scheduleAt',
        'uuid',
      ] as const),
      ...([
        'i8',
        'u8',
        'i16',
        'u16',
        'i32',
        'u32',
        'i64',
        'u64',
        'i128',
        'u128',
        'i256',
        'u256',
        'f32',
        'f64',
      ] as const),
    ];
    for (const name of names) expect(structuredClone(typeOf(t[name]()))).toEqual({ type: name });
  });

  it('number is f64', () => {
    expect(typeOf(t.number())).toEqual({ type: 'f64' });
  });

  it('is bytes, whether it is a byte array or an array of u8', () => {
    expect(typeOf(t.byteArray())).toEqual({ type: 'bytes' });
    expect(typeOf(t.array(t.u8()))).toEqual({ type: 'bytes' });
    expect(typeOf(t.array(t.i8()))).toEqual({ type: 'array', element: { type: 'i8' } });
  });

  it('holds others inside it, in the order they were written', () => {
    const point = t.object('Point', { y: t.f64(), x: t.f64() });
    const pointType = {
      type: 'product',
      name: 'Point',
      fields: [
        { name: 'y', type: { type: 'f64' } },
        { name: 'x', type: { type: 'f64' } },
      ],
    };
    expect(typeOf(point)).toEqual(pointType);
    expect(typeOf(t.array(point))).toEqual({ type: 'array', element: pointType });
    expect(typeOf(t.option(point))).toEqual({ type: 'option', value: pointType });
    expect(typeOf(point.optional())).toEqual(typeOf(t.option(point)));
    expect(typeOf(t.result(t.u32(), t.string()))).toEqual({
      type: 'result',
      ok: { type: 'u32' },
      err: { type: 'string' },
    });
  });
});

describe('what is not a type', () => {
  it.each([
    ['in a row', () => t.row({ id: t.u32 as never }), /'id': this is not a type/],
    ['in an object', () => t.object('Point', { x: 'f64' as never }), /'x': this is not a type/],
    ['in an array', () => t.array(t.u32 as never), /t\.array\(\): this is not a type/],
    ['in an option', () => t.option(undefined as never), /t\.option\(\): this is not a type/],
  ])('is refused %s', (_, make, message) => {
    expect(make).toThrow(expect.objectContaining({ code: 'module-invalid', message: expect.stringMatching(message) }));
  });
});

describe('an enum', () => {
  const Shape = t.enum('Shape', { Circle: t.f64(), Nothing: t.unit(), name: t.string() });

  it('lists its variants; those without a value are units', () => {
    const unit = { type: 'unit' };
    expect(typeOf(Shape)).toEqual({
      type: 'sum',
      name: 'Shape',
      variants: [
        { name: 'Circle', type: { type: 'f64' } },
        { name: 'Nothing', type: unit },
        { name: 'name', type: { type: 'string' } },
      ],
    });
    expect(typeOf(t.enum('Color', ['red', 'green']))).toEqual({
      type: 'sum',
      name: 'Color',
      variants: [
        { name: 'red', type: unit },
        { name: 'green', type: unit },
      ],
    });
  });

  it('makes its values', () => {
    expect(Shape.Circle(2)).toEqual({ tag: 'Circle', value: 2 });
    expect(Shape.Nothing).toEqual({ tag: 'Nothing' });
    expect(t.enum('Color', ['red', 'green']).green).toEqual({ tag: 'green' });
  });

  it('keeps a step that a variant is named like', () => {
    expect(Shape.name('shape')[columnKey].name).toBe('shape');
  });

  it('has each variant once', () => {
    expect(() => t.enum('Color', ['red', 'red'])).toThrow(expect.objectContaining({ code: 'module-invalid' }));
  });
});

describe('a step', () => {
  it('leaves the column it was taken from as it was, so that tables can share columns', () => {
    const id = t.u64();
    const key = id.primaryKey().autoInc().name('key');
    expect(key[columnKey]).toEqual({ type: { type: 'u64' }, primaryKey: true, autoInc: true, name: 'key' });
    expect(id[columnKey]).toEqual({ type: { type: 'u64' } });
  });

  it('may come in any order', () => {
    expect(t.i64().index('hash').unique()[columnKey]).toEqual(t.i64().unique().index('hash')[columnKey]);
  });

  it('index makes a btree unless it is told otherwise', () => {
    expect(t.u32().index()[columnKey].index).toBe('btree');
    expect(t.u32().index('direct')[columnKey].index).toBe('direct');
  });

  it('tells a default of undefined from none', () => {
    expect(t.string().optional().default(undefined)[columnKey].defaultValue).toEqual({ value: undefined });
    expect(t.string().optional()[columnKey]).not.toHaveProperty('defaultValue');
  });
});

describe('a row', () => {
  const row = t.row('Player', { id: t.u32().primaryKey(), name: t.string() });

  it('is an object as a type', () => {
    expect(typeOf(row)).toEqual({
      type: 'product',
      name: 'Player',
      fields: [
        { name: 'id', type: { type: 'u32' } },
        { name: 'name', type: { type: 'string' } },
      ],
    });
    expect(typeOf(t.row({ id: t.u32() }))).toEqual({
      type: 'product',
      fields: [{ name: 'id', type: { type: 'u32' } }],
    });
  });

  it('keeps its columns, also in an array or an option, where views look for their key', () => {
    expect(row.row.id[columnKey].primaryKey).toBe(true);
    for (const returned of [t.array(row), t.option(row), row.optional()]) expect(returned[columnKey].row).toBe(row.row);
  });
});
