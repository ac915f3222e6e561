import { describe, expect, it } from 'vitest';
import { limits } from '../limits.ts';
import type { ColumnType } from '../value/column-type.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { ScheduleAt } from '../value/schedule-at.ts';
import { TimeDuration } from '../value/time-duration.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';
import { type Codec, compileCodec, interpretCodec } from './bsatn.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { rendered } from './rendered.testing.ts';

const u8: ColumnType = { type: 'u8' };
const u32: ColumnType = { type: 'u32' };
const string: ColumnType = { type: 'string' };
const unit: ColumnType = { type: 'unit' };
const state: ColumnType = {
  type: 'sum',
  variants: [
    { name: 'Idle', type: unit },
    { name: 'Moving', type: u8 },
    { name: 'Empty', type: { type: 'product', fields: [] } },
  ],
};
const player: ColumnType = {
  type: 'product',
  fields: [
    { name: 'id', type: u32 },
    { name: 'name', type: string },
    { name: 'alive', type: { type: 'bool' } },
    { name: 'balance', type: { type: 'i64' } },
    {
      name: 'pos',
      type: {
        type: 'product',
        fields: [
          { name: 'x', type: u8 },
          { name: 'y', type: u8 },
        ],
      },
    },
    { name: 'nothing', type: unit },
    { name: 'state', type: state },
  ],
};

/** The encoding to the byte: other implementations are held to it. */
const golden: readonly (readonly [ColumnType, unknown, string])[] = [
  [{ type: 'bool' }, true, '01'],
  [{ type: 'i8' }, -2, 'fe'],
  [u8, 254, 'fe'],
  [{ type: 'i16' }, -2, 'feff'],
  [{ type: 'u16' }, 0x0102, '0201'],
  [{ type: 'i32' }, -2, 'feffffff'],
  [u32, 0xfeffffff, 'fffffffe'],
  [{ type: 'i64' }, -2n, 'feffffffffffffff'],
  [{ type: 'u64' }, 0x0102030405060708n, '0807060504030201'],
  [{ type: 'i128' }, -2n, `fe${'ff'.repeat(15)}`],
  [{ type: 'u128' }, 1n << 120n, `${'00'.repeat(15)}01`],
  [{ type: 'i256' }, -2n, `fe${'ff'.repeat(31)}`],
  [{ type: 'u256' }, 1n << 248n, `${'00'.repeat(31)}01`],
  [{ type: 'f32' }, 1.5, '0000c03f'],
  [{ type: 'f64' }, Number.NaN, '000000000000f87f'],
  [{ type: 'f64' }, Number.NEGATIVE_INFINITY, '000000000000f0ff'],
  [string, 'h\u00e9', '0300000068c3a9'],
  [{ type: 'bytes' }, Uint8Array.of(0, 255), '0200000000ff'],
  [unit, {}, ''],
  [{ type: 'identity' }, new Identity(0x0102n), `0201${'00'.repeat(30)}`],
  [{ type: 'connectionId' }, new ConnectionId(0x0102n), `0201${'00'.repeat(14)}`],
  [{ type: 'uuid' }, Uuid.parse('00010203-0405-0607-0809-0a0b0c0d0e0f'), '0f0e0d0c0b0a09080706050403020100'],
  [{ type: 'timestamp' }, new Timestamp(-2n), 'feffffffffffffff'],
  [{ type: 'timeDuration' }, new TimeDuration(3n), '0300000000000000'],
  [{ type: 'scheduleAt' }, ScheduleAt.interval(3n), '000300000000000000'],
  [{ type: 'scheduleAt' }, ScheduleAt.time(3n), '010300000000000000'],
  [{ type: 'array', element: { type: 'u16' } }, [1, 2], '0200000001000200'],
  [{ type: 'array', element: string }, ['a', ''], '02000000010000006100000000'],
  [{ type: 'option', value: u8 }, 7, '0007'],
  [{ type: 'option', value: u8 }, undefined, '01'],
  [{ type: 'result', ok: u8, err: string }, { ok: 7 }, '0007'],
  [{ type: 'result', ok: u8, err: string }, { err: 'a' }, '010100000061'],
  [state, { tag: 'Idle' }, '00'],
  [state, { tag: 'Moving', value: 7 }, '0107'],
  [state, { tag: 'Empty', value: {} }, '02'],
  [
    player,
    {
      id: 1,
      name: 'a',
      alive: true,
      balance: -1n,
      pos: { x: 2, y: 3 },
      nothing: {},
      state: { tag: 'Moving', value: 4 },
    },
    '010000000100000061' + '01ffffffffffffffff' + '0203' + '0104',
  ],
];

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

describe.each<[string, (type: ColumnType) => Codec]>([
  ['compiled', compileCodec],
  ['interpreted', interpretCodec],
])('the %s codec', (_, codecFor) => {
  const decode = (type: ColumnType, hex: string) => codecFor(type).decode(new ByteReader(bytesOf(hex)));

  it.each(golden)('writes %j %o as %s and reads it back', (type, value, hex) => {
    const writer = new ByteWriter();
    codecFor(type).encode(writer, value);
    expect(writer.view()).toEqual(bytesOf(hex));
    expect(rendered(decode(type, hex))).toBe(rendered(value));
  });

  it('reads -0 as 0, and any NaN as NaN', () => {
    expect(Object.is(decode({ type: 'f64' }, '0000000000000080'), 0)).toBe(true);
    expect(Object.is(decode({ type: 'f32' }, '00000080'), 0)).toBe(true);
    expect(decode({ type: 'f64' }, '010000000000f0ff')).toBeNaN();
  });

  it.each<[string, ColumnType, string, string]>([
    ['a bool of 2', { type: 'bool' }, '02', 'at byte 0 of 1: bool is 0 or 1, got 2'],
    ['an unknown variant', state, '03', 'at byte 0 of 1: tag 3 of a type with 3 variants'],
    ['an option of neither kind', { type: 'option', value: u8 }, '02', 'tag 2 of a type with 2 variants'],
    ['a result of neither kind', { type: 'result', ok: u8, err: u8 }, '02', 'tag 2 of a type with 2 variants'],
    ['a row that ends early', player, '0100000001000000', 'at byte 4 of 8: 1 elements announced, 0 bytes left'],
    ['an array with more elements than bytes', { type: 'array', element: u8 }, 'ffff0000', '65535 elements announced'],
    [
      'an array beyond the limit',
      { type: 'array', element: u8 },
      'ffffffff',
      `the limit is ${limits.valueElementsMax}`,
    ],
    ['an enum without variants', { type: 'sum', variants: [] }, '00', 'tag 0 of a type with 0 variants'],
  ])('refuses %s', (_, type, hex, message) => {
    expect(() => decode(type, hex)).toThrow(
      expect.objectContaining({ code: 'frame-invalid', message: expect.stringContaining(message) }),
    );
  });

  it('refuses types that cannot be encoded', () => {
    expect(() => codecFor({ type: 'array', element: unit })).toThrow(
      expect.objectContaining({ code: 'module-invalid' }),
    );
  });

  it('keeps fields in declared order, and fields of any name', () => {
    const names = ['z', 'a', '__proto__', 'constructor', 'a"b\\', '\u2028', '\ud800'];
    const type: ColumnType = { type: 'product', fields: names.map((name) => ({ name, type: u8 })) };
    const value = decode(type, '01020304050607');
    expect(Object.entries(value as object)).toEqual(names.map((name, i) => [name, i + 1]));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('does not write a variant that the type lacks', () => {
    expect(() => codecFor(state).encode(new ByteWriter(), { tag: 'Gone' })).toThrow();
  });

  it('writes into bytes that are already part of a message', () => {
    const writer = new ByteWriter();
    const codec = codecFor(player);
    for (let i = 0; i < 100; i++) codec.encode(writer, { ...(golden.at(-1)?.[1] as object), id: i });
    const reader = new ByteReader(writer.take());
    for (let i = 0; i < 100; i++) expect(codec.decode(reader)).toMatchObject({ id: i, name: 'a' });
    reader.expectEnd();
  });
});
